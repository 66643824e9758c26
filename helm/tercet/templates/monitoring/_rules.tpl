{{/* The rules of files/rules.yaml, with what the document's objectives say in their places. */}}
{{- define "tercet.rules" -}}
{{- $kept := .Files.Get "files/rules.yaml" | fromYaml -}}
{{- $said := default dict .Values.config.objectives -}}
{{- $limits := default dict $said.thresholds -}}
{{- $window := include "tercet.quantity" (dict "of" "window" "value" (default $kept.defaults.window $said.window)) | float64 -}}
{{- $places := dict "hours" (divf $window 3600 | floor | printf "%.0f") -}}
{{- $_ := set $places "runbooks" (regexReplaceAll "/+$" (default $kept.defaults.runbooks $said.runbooks) "") -}}
{{- range $name, $default := omit $kept.defaults.thresholds "cost_per_request" -}}
{{- $limit := ternary (get $limits $name) $default (hasKey $limits $name) -}}
{{- $limit = include "tercet.quantity" (dict "of" (printf "thresholds.%s" $name) "value" $limit) | float64 -}}
{{- $_ := set $places $name (printf (ternary "%.0f" "%.6g" (eq $name "brown_out")) $limit) -}}
{{- end -}}
{{- $namespace := ternary .Release.Namespace "" .Values.monitoring.prometheusRule.namespaced -}}
{{- $goals := list -}}
{{- range $goal, $share := include "tercet.goals" . | fromYaml -}}
{{- $goals = append $goals (dict "rule" $kept.goal "places" (dict "goal" $goal "share" (float64 $share | printf "%.6g"))) -}}
{{- end -}}
{{- $burns := list -}}
{{- range $kept.burns -}}
{{- $factor := divf (mulf .spent $window) .seconds -}}
{{- if ge $factor 1.0 -}}
{{- $burns = append $burns (dict "rule" .rule "places" (dict "factor" (printf "%.6g" $factor) "roughly" (printf "%.3g" $factor))) -}}
{{- end -}}
{{- end -}}
{{- $costs := list -}}
{{- range $currency, $most := default dict $limits.cost_per_request -}}
{{- $costs = append $costs (dict "rule" $kept.cost "places" (dict "currency" $currency "most" (float64 $most | printf "%.6g"))) -}}
{{- end -}}
{{- $first := dict "tercet-goals" $goals "tercet-alerts" $burns -}}
{{- $last := dict "tercet-alerts" $costs -}}
{{- $groups := list -}}
{{- range $group := $kept.groups -}}
{{- $every := default list (get $first $group.name) -}}
{{- range $group.rules -}}{{- $every = append $every (dict "rule" . "places" dict) -}}{{- end -}}
{{- $rules := list -}}
{{- range concat $every (default list (get $last $group.name)) -}}
{{- $rules = append $rules (include "tercet.rule" (dict "rule" .rule "places" (merge .places $places) "namespace" $namespace) | fromJson) -}}
{{- end -}}
{{- $groups = append $groups (set (deepCopy $group) "rules" $rules) -}}
{{- end -}}
{{- dict "groups" $groups | toYaml -}}
{{- end -}}

{{/* The goals of the document and of its pools with latency targets: the share that each promises, by name. */}}
{{- define "tercet.goals" -}}
{{- $kept := .Files.Get "files/rules.yaml" | fromYaml -}}
{{- $said := default dict .Values.config.objectives -}}
{{- range $name, $goal := ternary $said.goals $kept.defaults.goals (hasKey $said "goals") }}
{{ $name | quote }}: {{ include "tercet.quantity" (dict "of" (printf "goals.%s.share" $name) "value" $goal.share) }}
{{- end }}
{{- range $name, $model := .Values.config.models }}
{{- $targets := default dict $model.slo }}
{{- if and (ne $model.family "remote") (or $targets.ttft_p95 $targets.tpot_p95) }}
{{ printf "%s%s" $kept.pools.prefix $name | quote }}: {{ $kept.pools.share }}
{{- end }}
{{- end }}
{{- end -}}

{{/* One rule as JSON; with a namespace it asks for that one's series alone, and its results are labelled with it. */}}
{{- define "tercet.rule" -}}
{{- $text := toJson .rule -}}
{{- range $name, $value := .places -}}
{{- $text = replace (printf "@%s@" $name) (toJson $value | trimPrefix "\"" | trimSuffix "\"") $text -}}
{{- end -}}
{{- $rule := fromJson $text -}}
{{- with .namespace -}}
{{- $chosen := printf "{namespace=%q" . -}}
{{- $named := regexReplaceAll "\\b((?:tercet|gen_ai)[_:][a-z0-9_:]+)" $rule.expr (printf "${1}%s}" $chosen) -}}
{{- $_ := set $rule "expr" (replace (printf "%s}{" $chosen) (printf "%s, " $chosen) $named) -}}
{{- $_ := set $rule "labels" (merge (dict "namespace" .) (default dict $rule.labels)) -}}
{{- end -}}
{{- toJson $rule -}}
{{- end -}}

{{/* A number of what may be written as 80ms, 2s, 15m or 5%, as the document has it. */}}
{{- define "tercet.quantity" -}}
{{- if kindIs "string" .value -}}
{{- if not (regexMatch "^\\s*[0-9]+(\\.[0-9]+)?\\s*(%|ms|s|m|h|d)\\s*$" .value) -}}
{{- fail (printf "config.objectives.%s: %q is neither a duration such as 80ms, 2s or 15m nor a share such as 99.5%%" .of .value) -}}
{{- end -}}
{{- $units := dict "%" 0.01 "ms" 0.001 "s" 1.0 "m" 60.0 "h" 3600.0 "d" 86400.0 -}}
{{- mulf (regexFind "[0-9.]+" .value | float64) (get $units (regexFind "[%a-z]+" .value)) -}}
{{- else -}}
{{- .value -}}
{{- end -}}
{{- end -}}
