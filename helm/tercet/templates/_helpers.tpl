{{- define "tercet.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* 40 letters: what KubeRay and StatefulSets make of it must keep within 63. */}}
{{- define "tercet.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "tercet.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "tercet.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What never changes, so that selectors may hold it. */}}
{{- define "tercet.selectorLabels" -}}
app.kubernetes.io/name: {{ include "tercet.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "tercet.labels" -}}
{{ include "tercet.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: tercet
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "tercet.serviceAccountName" -}}
{{- default (ternary (include "tercet.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "tercet.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}{{ .repository }}@{{ .digest }}{{- else -}}{{ .repository }}:{{ default $.Chart.AppVersion .tag }}{{- end -}}
{{- end -}}
{{- end -}}

{{- define "tercet.port" -}}
{{- dig "gateway" "port" 8000 .Values.config | int -}}
{{- end -}}

{{/* Empty where operators have no port of their own. */}}
{{- define "tercet.adminPort" -}}
{{- with dig "gateway" "admin" "port" nil .Values.config -}}{{ int . }}{{- end -}}
{{- end -}}

{{- define "tercet.gateways" -}}
{{- dig "gateway" "replicas" 1 .Values.config | int -}}
{{- end -}}

{{- define "tercet.scales" -}}
{{- if and (eq .Values.mode "rayservice") .Values.autoscaler.enabled -}}true{{- end -}}
{{- end -}}

{{/* The Serve config: `tercet render serve` prints the same. */}}
{{- define "tercet.serveConfig" -}}
{{- $groups := dict -}}
{{- range $name, $group := .Values.workerGroups -}}
{{- $most := ternary (default 1 $group.maxReplicas) (default 1 $group.replicas) (eq (include "tercet.scales" $) "true") -}}
{{- $_ := set $groups $name (dict "cpu" (toString $group.limits.cpu) "memory" $group.limits.memory "gpus" (default 0 $group.limits.gpus) "most" $most "pools" (default list $group.pools)) -}}
{{- end -}}
{{- $told := dict "document" .Values.config "groups" $groups "longest_answer" .Values.longestAnswerSeconds "within" .Values.readyWithinSeconds "cache" "/cache/tercet" -}}
{{- $reconciler := dict "name" "Reconciler" "user_config" $told -}}
{{- $application := dict "name" "tercet" "route_prefix" nil "import_path" "cluster.lifecycle.reconciler:application" "deployments" (list $reconciler) -}}
{{- $http := dict "host" "0.0.0.0" "port" (include "tercet.port" . | int) "keep_alive_timeout_s" 75 -}}
{{- dict "proxy_location" "EveryNode" "http_options" $http "logging_config" (dict "enable_access_log" false) "applications" (list $application) | toYaml -}}
{{- end -}}

{{- define "tercet.authSecret" -}}
{{- default (printf "%s-ray-token" (include "tercet.fullname" .)) .Values.auth.existingSecret -}}
{{- end -}}

{{- define "tercet.cacheClaim" -}}
{{- if .Values.cache.existingClaim -}}{{ .Values.cache.existingClaim }}
{{- else if .Values.cache.claim.enabled -}}{{ include "tercet.fullname" . }}-cache
{{- end -}}
{{- end -}}
