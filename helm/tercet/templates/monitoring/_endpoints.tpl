{{/* The gateway's own metrics are on the operators' port where there is one. */}}
{{- define "tercet.gatewayEndpoint" -}}
- port: {{ ternary "admin" "serve" (ne (include "tercet.adminPort" .root) "") }}
  path: /metrics
  interval: {{ .monitor.interval }}
  {{- if .monitor.token.name }}
  authorization:
    credentials: {name: {{ .monitor.token.name | quote }}, key: {{ .monitor.token.key | quote }}}
  {{- end }}
- {port: haproxy, path: /metrics, interval: {{ .monitor.interval }}}
{{- end -}}
