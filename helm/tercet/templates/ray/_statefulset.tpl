{{/* Without KubeRay: a StatefulSet for each part, whose command the chart writes. */}}

{{- define "tercet.headAddress" -}}
{{ include "tercet.fullname" . }}-head.{{ .Release.Namespace }}.svc:6379
{{- end -}}

{{- define "tercet.plainEnv" -}}
- {name: RAY_ADDRESS, value: {{ ternary "127.0.0.1:6379" (include "tercet.headAddress" .root) (eq .part "head") | quote }}}
{{- if .root.Values.auth.token }}
- {name: RAY_AUTH_MODE, value: token}
- name: RAY_AUTH_TOKEN
  valueFrom: {secretKeyRef: {name: {{ include "tercet.authSecret" .root | quote }}, key: auth_token}}
{{- end }}
{{- $redis := .root.Values.gcsFaultTolerance }}
{{- if and $redis.enabled (eq .part "head") }}
- {name: RAY_REDIS_ADDRESS, value: {{ $redis.redisAddress | quote }}}
- {name: RAY_external_storage_namespace, value: {{ default (include "tercet.fullname" .root) $redis.namespace | quote }}}
{{- if $redis.password.name }}
- name: REDIS_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ $redis.password.name | quote }}, key: {{ $redis.password.key | quote }}}}
{{- end }}
{{- end }}
{{- end -}}

{{- define "tercet.rayStart" -}}
ulimit -n 65536;
exec ray start --block --disable-usage-stats
{{- if eq .part "head" }} --head --port=6379 --dashboard-host=127.0.0.1 --dashboard-port=8265
{{- else }} --address="$RAY_ADDRESS"
{{- end }} --num-cpus={{ include "tercet.rayCpus" . }} --num-gpus={{ include "tercet.rayGpus" . }}
{{- printf " --object-store-memory=268435456 --metrics-export-port=8080 --dashboard-agent-listen-port=52365" -}}
{{- with include "tercet.rayResources" . }} --resources={{ squote . }}{{ end }}
{{- if and (eq .part "head") .root.Values.gcsFaultTolerance.enabled .root.Values.gcsFaultTolerance.password.name }} --redis-password="$REDIS_PASSWORD"{{ end }}
{{- end -}}

{{- define "tercet.waitForHead" -}}
- name: wait-for-head
  image: {{ include "tercet.image" .root | quote }}
  imagePullPolicy: {{ .root.Values.image.pullPolicy }}
  command: [bash, -c, 'until ray health-check --address "$RAY_ADDRESS" >/dev/null 2>&1; do echo "waiting for $RAY_ADDRESS"; sleep 5; done']
  env:
    {{- include "tercet.plainEnv" . | trim | nindent 4 }}
    - {name: HOME, value: /tmp}
  resources:
    requests: {cpu: 200m, memory: 512Mi}
    limits: {cpu: 200m, memory: 512Mi}
  securityContext:
    {{- include "tercet.containerSecurity" . | nindent 4 }}
  volumeMounts:
    - {name: tmp, mountPath: /tmp}
{{- end -}}

{{/* Hands the Serve config to Ray, and again when it is another or the head was lost. */}}
{{- define "tercet.deployer" -}}
- name: deploy
  image: {{ include "tercet.image" .root | quote }}
  imagePullPolicy: {{ .root.Values.image.pullPolicy }}
  command: [tercet, deploy, /etc/tercet/serve.yaml, --address, "http://127.0.0.1:8265", --follow]
  env:
    {{- include "tercet.plainEnv" . | trim | nindent 4 }}
    - {name: HOME, value: /tmp}
  resources:
    requests: {cpu: 100m, memory: 256Mi}
    limits: {cpu: 500m, memory: 256Mi}
  securityContext:
    {{- include "tercet.containerSecurity" . | nindent 4 }}
  volumeMounts:
    - {name: tmp, mountPath: /tmp}
    - {name: serve, mountPath: /etc/tercet, readOnly: true}
{{- end -}}

{{/* Pods start at once, all of them: none waits for another but for the head. */}}
{{- define "tercet.statefulSet" -}}
{{- $root := .root }}
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: {{ include "tercet.fullname" $root }}-{{ .name }}
  labels:
    {{- include "tercet.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .part }}
spec:
  replicas: {{ .replicas }}
  serviceName: {{ include "tercet.fullname" $root }}-{{ ternary "head" "workers" (eq .part "head") }}
  podManagementPolicy: Parallel
  selector:
    matchLabels:
      {{- include "tercet.partLabels" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "tercet.podLabels" . | nindent 8 }}
      {{- with .pod.podAnnotations }}
      annotations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      {{- include "tercet.podSpec" . | nindent 6 }}
      {{- if eq .part "head" }}
        - {name: serve, configMap: {name: {{ include "tercet.fullname" $root }}-serve}}
      {{- else }}
      initContainers:
        {{- include "tercet.waitForHead" . | nindent 8 }}
      {{- end }}
      containers:
        - name: ray
          command: [bash, -c]
          args:
            - {{ include "tercet.rayStart" . | replace "\n" " " | quote }}
          {{- include "tercet.container" . | nindent 10 }}
          env:
            {{- include "tercet.plainEnv" . | trim | nindent 12 }}
            {{- include "tercet.env" . | trim | nindent 12 }}
        {{- if eq .part "head" }}
        {{- include "tercet.deployer" . | nindent 8 }}
        {{- end }}
{{- end -}}
