{{/* What the pods of every part have in common. Call with a dict of root, part (head, gateway, engine), name, pod. */}}

{{- define "tercet.partLabels" -}}
{{ include "tercet.selectorLabels" .root }}
app.kubernetes.io/component: {{ .part }}
{{- if eq .part "engine" }}
tercet.io/group: {{ .name | quote }}
{{- end }}
{{- end -}}

{{- define "tercet.podLabels" -}}
{{ include "tercet.partLabels" . }}
app.kubernetes.io/part-of: tercet
{{- with merge (deepCopy (default dict .pod.podLabels)) .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Pods go when the last answer has come to its end; the head, which all others need, goes last. */}}
{{- define "tercet.gracePeriod" -}}
{{- $longest := int .root.Values.longestAnswerSeconds -}}
{{- default (ternary (add $longest 120) (add $longest 60) (eq .part "head")) .pod.terminationGracePeriodSeconds -}}
{{- end -}}

{{- define "tercet.limits" -}}
cpu: {{ .pod.limits.cpu | quote }}
memory: {{ .pod.limits.memory | quote }}
{{- if and (eq .part "engine") .pod.limits.gpus }}
{{ default "nvidia.com/gpu" .pod.gpuResource | quote }}: {{ .pod.limits.gpus | quote }}
{{- end }}
{{- end -}}

{{/* What a machine offers Ray, by name: gateways and pools are kept to theirs by it. */}}
{{- define "tercet.rayResources" -}}
{{- if eq .part "gateway" -}}{{ dict "tercet-gateway" 1 | toJson }}
{{- else if eq .part "engine" -}}{{ dict (printf "tercet-group-%s" .name) 1 | toJson }}
{{- end -}}
{{- end -}}

{{/* Only engines compute: nothing that asks for a CPU lies elsewhere. */}}
{{- define "tercet.rayCpus" -}}
{{- ternary (toString .pod.limits.cpu) "0" (eq .part "engine") -}}
{{- end -}}

{{/* Told of every part: Ray would look for what it can see, which may be all that the machine has. */}}
{{- define "tercet.rayGpus" -}}
{{- ternary (default 0 .pod.limits.gpus | int) 0 (eq .part "engine") -}}
{{- end -}}

{{- define "tercet.env" -}}
{{- $environment := .root.Files.Get "files/environment.yaml" | fromYaml -}}
{{- $longest := max (int $environment.least) (int .root.Values.longestAnswerSeconds) -}}
{{- range $name, $value := $environment.fixed }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- range $environment.longest }}
- {name: {{ . }}, value: {{ $longest | quote }}}
{{- end }}
- {name: {{ $environment.connections }}, value: {{ .root.Values.maxConnections | int | quote }}}
{{- with .root.Values.huggingFace }}
{{- if .name }}
- name: HF_TOKEN
  valueFrom: {secretKeyRef: {name: {{ .name | quote }}, key: {{ .key | quote }}}}
{{- end }}
{{- end }}
{{- with .root.Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- with .pod.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "tercet.volumeMounts" -}}
- {name: tmp, mountPath: /tmp}
- {name: run, mountPath: /run/tercet}
- {name: shm, mountPath: /dev/shm}
- {name: cache, mountPath: /cache}
{{- with .root.Values.checkpoints }}
{{- if or .existingClaim .image.reference }}
- name: checkpoints
  mountPath: /models
  readOnly: true
  {{- with .subPath }}
  subPath: {{ . | quote }}
  {{- end }}
{{- end }}
{{- end }}
{{- with .pod.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "tercet.volumes" -}}
- {name: tmp, emptyDir: {}}
- {name: run, emptyDir: {}}
- {name: shm, emptyDir: {medium: Memory, sizeLimit: {{ default "512Mi" .pod.shmSize }}}}
{{- with include "tercet.cacheClaim" .root }}
- {name: cache, persistentVolumeClaim: {claimName: {{ . | quote }}}}
{{- else }}
- {name: cache, emptyDir: {sizeLimit: {{ .root.Values.cache.sizeLimit }}}}
{{- end }}
{{- with .root.Values.checkpoints }}
{{- if .existingClaim }}
- {name: checkpoints, persistentVolumeClaim: {claimName: {{ .existingClaim | quote }}, readOnly: true}}
{{- else if .image.reference }}
- {name: checkpoints, image: {reference: {{ .image.reference | quote }}, pullPolicy: {{ .image.pullPolicy }}}}
{{- end }}
{{- end }}
{{- with .pod.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "tercet.containerSecurity" -}}
{{- $ours := dict "allowPrivilegeEscalation" false "readOnlyRootFilesystem" true "capabilities" (dict "drop" (list "ALL")) -}}
{{- mergeOverwrite $ours (deepCopy .root.Values.securityContext) | toYaml -}}
{{- end -}}

{{- define "tercet.podSecurity" -}}
{{- $ours := dict "runAsNonRoot" true "runAsUser" 1000 "runAsGroup" 1000 "fsGroup" 1000 "fsGroupChangePolicy" "OnRootMismatch" "seccompProfile" (dict "type" "RuntimeDefault") -}}
{{- mergeOverwrite $ours (deepCopy .root.Values.podSecurityContext) | toYaml -}}
{{- end -}}

{{- define "tercet.ports" -}}
{{- if eq .part "head" }}
- {name: gcs, containerPort: 6379}
{{- if eq .root.Values.mode "rayservice" }}
- {name: dashboard, containerPort: 8265}
{{- end }}
{{- end }}
{{- if ne .part "engine" }}
- {name: serve, containerPort: {{ include "tercet.port" .root }}}
{{- end }}
{{- if eq .part "gateway" }}
{{- with include "tercet.adminPort" .root }}
- {name: admin, containerPort: {{ . }}}
{{- end }}
- {name: haproxy, containerPort: 9101}
{{- end }}
- {name: metrics, containerPort: 8080}
{{- end -}}

{{/* A gateway is ready when the pools are that its default leads to; all others when Ray is well on them. */}}
{{- define "tercet.probes" -}}
startupProbe:
  httpGet: {path: /api/healthz, port: 52365}
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /api/healthz, port: 52365}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  {{- if eq .part "gateway" }}
  httpGet: {path: /ready, port: serve}
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 2
  {{- else }}
  httpGet: {path: /api/healthz, port: 52365}
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 3
  {{- end }}
{{- end -}}

{{- define "tercet.lifecycle" -}}
preStop:
  exec:
    command: [tercet, leave, --port, {{ include "tercet.port" .root | quote }}, --within, {{ sub (include "tercet.gracePeriod" . | int) 20 | quote }}]
{{- end -}}

{{/* The pod's spec but for its containers. */}}
{{- define "tercet.podSpec" -}}
{{- $head := eq .part "head" -}}
serviceAccountName: {{ include "tercet.serviceAccountName" .root | quote }}
automountServiceAccountToken: {{ and $head (eq (include "tercet.scales" .root) "true") }}
enableServiceLinks: false
terminationGracePeriodSeconds: {{ include "tercet.gracePeriod" . }}
securityContext:
  {{- include "tercet.podSecurity" . | nindent 2 }}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .pod.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with .pod.runtimeClassName }}
runtimeClassName: {{ . | quote }}
{{- end }}
{{- with .pod.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .pod.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .pod.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if and .root.Values.topologySpread.enabled (not $head) }}
topologySpreadConstraints:
  - maxSkew: {{ .root.Values.topologySpread.maxSkew }}
    topologyKey: {{ .root.Values.topologySpread.topologyKey | quote }}
    whenUnsatisfiable: {{ .root.Values.topologySpread.whenUnsatisfiable }}
    labelSelector:
      matchLabels:
        {{- include "tercet.partLabels" . | nindent 8 }}
{{- end }}
volumes:
  {{- include "tercet.volumes" . | nindent 2 }}
{{- end -}}

{{/* The container's fields but for its name and command. */}}
{{- define "tercet.container" -}}
image: {{ include "tercet.image" .root | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
{{- with .root.Values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  {{- include "tercet.ports" . | trim | nindent 2 }}
resources:
  requests:
    {{- include "tercet.limits" . | nindent 4 }}
  limits:
    {{- include "tercet.limits" . | nindent 4 }}
securityContext:
  {{- include "tercet.containerSecurity" . | nindent 2 }}
{{ include "tercet.probes" . }}
lifecycle:
  {{- include "tercet.lifecycle" . | nindent 2 }}
volumeMounts:
  {{- include "tercet.volumeMounts" . | nindent 2 }}
{{- end -}}
