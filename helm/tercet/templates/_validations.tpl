{{/* Without a document the chart serves the demonstration; every template begins with this. */}}
{{- define "tercet.demo" -}}
{{- if not .Values.config -}}
{{- $demo := .Files.Get "files/demo.yaml" | fromYaml -}}
{{- $_ := set .Values "config" $demo.config -}}
{{- $_ := set .Values "workerGroups" (mergeOverwrite $demo.workerGroups .Values.workerGroups) -}}
{{- end -}}
{{- end -}}

{{/* What the schema cannot say, each with the value's name and the way out. */}}
{{- define "tercet.validate" -}}
{{- $config := .Values.config -}}
{{- $gateway := default dict $config.gateway -}}
{{- $loopback := list "127.0.0.1" "::1" "localhost" -}}
{{- if has (default "127.0.0.1" $gateway.host) $loopback -}}
{{- fail "config.gateway.host: is reached from inside its own pod alone; say 0.0.0.0" -}}
{{- end -}}
{{- if not $config.access -}}
{{- fail "config.access: nothing says who may call; give a store and `config.tenants`, or say {open: true}" -}}
{{- end -}}
{{- if and (include "tercet.adminPort" .) (has (dig "admin" "host" "127.0.0.1" $gateway) $loopback) -}}
{{- fail "config.gateway.admin.host: is reached from inside its own pod alone; say 0.0.0.0, or leave config.gateway.admin.port out" -}}
{{- end -}}
{{- if not .Values.workerGroups -}}
{{- fail "workerGroups: names no group, and engines need machines; give one, such as {engines: {limits: {cpu: 4, memory: 16Gi}}}" -}}
{{- end -}}
{{- $home := dict -}}
{{- range $name, $group := .Values.workerGroups -}}
{{- if has $name (list "head" "gateway") -}}
{{- fail (printf "workerGroups.%s: is the name of another part; choose another" $name) -}}
{{- end -}}
{{- if gt (int (default 0 $group.minReplicas)) (int (default 1 $group.maxReplicas)) -}}
{{- fail (printf "workerGroups.%s.minReplicas: %d is more than maxReplicas (%d)" $name (int $group.minReplicas) (int (default 1 $group.maxReplicas))) -}}
{{- end -}}
{{- range $pool := default list $group.pools -}}
{{- if not (hasKey $config.models $pool) -}}
{{- fail (printf "workerGroups.%s.pools: no model of config.models is named %s" $name $pool) -}}
{{- end -}}
{{- if hasKey $home $pool -}}
{{- fail (printf "workerGroups.%s.pools: %s is kept to the group %s already; keep one" $name $pool (get $home $pool)) -}}
{{- end -}}
{{- $_ := set $home $pool $name -}}
{{- end -}}
{{- end -}}
{{- with .Values.checkpoints -}}
{{- if and .existingClaim .image.reference -}}
{{- fail "checkpoints: has both existingClaim and image.reference; keep one" -}}
{{- end -}}
{{- end -}}
{{- if and .Values.cache.existingClaim .Values.cache.claim.enabled -}}
{{- fail "cache: has both existingClaim and claim.enabled; keep one" -}}
{{- end -}}
{{- with .Values.gcsFaultTolerance -}}
{{- if and .enabled (not .redisAddress) -}}
{{- fail "gcsFaultTolerance.redisAddress: is required where gcsFaultTolerance.enabled is true, such as redis:6379" -}}
{{- end -}}
{{- end -}}
{{- with .Values.monitoring -}}
{{- if and .podMonitor.enabled .serviceMonitor.enabled -}}
{{- fail "monitoring: has both podMonitor.enabled and serviceMonitor.enabled, and everything would be scraped twice; keep one" -}}
{{- end -}}
{{- range $kind := list "podMonitor" "serviceMonitor" -}}
{{- $monitor := get $.Values.monitoring $kind -}}
{{- if and $monitor.enabled $config.access.store (not $monitor.token.name) -}}
{{- fail (printf "monitoring.%s.token.name: is required where config.access.store is, or gateways refuse Prometheus; name a Secret with an operator's token" $kind) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) -}}
{{- fail "httpRoute.parentRefs: is required where httpRoute.enabled is true; name the Gateway" -}}
{{- end -}}
{{- end -}}
