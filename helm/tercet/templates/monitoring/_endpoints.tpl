{{/* Gateways tell metrics on the operators' port where there is one. */}}
{{- define "tercet.metricsPort" -}}
{{- default (include "tercet.port" .) (include "tercet.adminPort" .) -}}
{{- end -}}

{{/* Each pod is a target, and any gateway is asked for its part: so every figure is there once, and labelled with its pod.
The operator gives each target a label `endpoint`, and the series' own one is to stay. */}}
{{- define "tercet.partsEndpoint" -}}
- port: metrics
  path: /metrics
  interval: {{ .monitor.interval }}
  honorLabels: true
  {{- if .monitor.token.name }}
  authorization:
    credentials: {name: {{ .monitor.token.name | quote }}, key: {{ .monitor.token.key | quote }}}
  {{- end }}
  relabelings:
    - {sourceLabels: [__meta_kubernetes_pod_ip], targetLabel: __param_node}
    - {sourceLabels: [__meta_kubernetes_pod_name], targetLabel: instance}
    - sourceLabels: [__meta_kubernetes_namespace]
      targetLabel: __address__
      replacement: {{ include "tercet.fullname" .root }}-metrics-gateway.$1.svc:{{ include "tercet.metricsPort" .root }}
{{- end -}}

{{- define "tercet.monitorMetadata" -}}
name: {{ include "tercet.fullname" .root }}-{{ .of }}
labels:
  {{- include "tercet.labels" .root | nindent 2 }}
  {{- with .monitor.labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}
