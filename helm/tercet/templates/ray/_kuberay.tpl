{{/* A pod template as KubeRay takes it: it adds the command, Ray's address and Ray's token. */}}
{{- define "tercet.kuberayTemplate" -}}
metadata:
  labels:
    {{- include "tercet.podLabels" . | nindent 4 }}
  {{- with .pod.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- include "tercet.podSpec" . | nindent 2 }}
  containers:
    - name: {{ ternary "ray-head" "ray-worker" (eq .part "head") }}
      {{- include "tercet.container" . | nindent 6 }}
      env:
        {{- include "tercet.env" . | trim | nindent 8 }}
{{- end -}}

{{- define "tercet.rayStartParams" -}}
num-cpus: {{ include "tercet.rayCpus" . | quote }}
num-gpus: {{ include "tercet.rayGpus" . | quote }}
object-store-memory: "268435456"
{{- with include "tercet.rayResources" . }}
resources: {{ printf "%q" . | squote }}
{{- end }}
{{- end -}}
