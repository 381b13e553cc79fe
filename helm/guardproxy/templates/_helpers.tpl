{{/* Names. */}}
{{- define "guardproxy.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Cut short enough for what is put behind it: "-policies", "-redis-0". */}}
{{- define "guardproxy.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "guardproxy.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "guardproxy.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* Labels. A component tells the proxy's pods from those of its Redis. */}}
{{- define "guardproxy.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: guardproxy
{{- end }}

{{- define "guardproxy.proxyLabels" -}}
app.kubernetes.io/name: {{ include "guardproxy.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: proxy
{{- end }}

{{- define "guardproxy.redisLabels" -}}
app.kubernetes.io/name: {{ include "guardproxy.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: redis
{{- end }}

{{- define "guardproxy.image" -}}
{{- if .image.digest }}
{{- printf "%s@%s" .image.repository .image.digest }}
{{- else }}
{{- printf "%s:%s" .image.repository (default .version .image.tag) }}
{{- end }}
{{- end }}

{{/*
guardproxy.yaml: what the chart needs to say, under what the values say. Files are named relative to it, and so the
pod's folders hang together wherever they are mounted.
*/}}
{{- define "guardproxy.config" -}}
{{- $chart := dict
      "listen" (dict "host" "0.0.0.0" "port" 8080)
      "admin" (dict "host" "0.0.0.0" "port" 8081)
      "keys" (ternary (dict "store" "redis" "pepper_file" "../keys/keys.pepper") (dict "file" "../keys/keys.yaml") (eq .Values.keys.store "redis"))
      "log" (dict "format" "json")
      "drain_timeout" 600 }}
{{- if and (eq .Values.keys.store "redis") (eq .Values.redis.mode "none") }}
{{- fail "keys.store is redis and redis.mode is none: there is no store to keep keys in" }}
{{- end }}
{{- if not .Values.incidents.enabled }}
{{- $_ := set $chart.log "incidents" nil }}
{{- end }}
{{- if not (or .Values.upstream.needsKey (dig "upstream" "base_url" "" .Values.config)) }}
{{- fail "upstream.needsKey is false, so config.upstream.base_url must name the endpoint that needs no key" }}
{{- end }}
{{- if .Values.upstream.needsKey }}
{{- $_ := set $chart "upstream" (dict "api_key_file" "../upstream/api-key") }}
{{- end }}
{{- if .Values.admins.existingSecret }}
{{- $_ := set $chart.admin "tokens_file" "../admins/admins.yaml" }}
{{- $_ := set $chart.admin "log_file" "/var/lib/guardproxy/admin.jsonl" }}
{{- end }}
{{- if include "guardproxy.policyConfigMap" . }}
{{- $_ := set $chart "policy" (printf "../policies/%s" .Values.policies.main) }}
{{- end }}
{{- mustMergeOverwrite $chart (deepCopy .Values.config) | toYaml }}
{{- end }}

{{/* The ConfigMap of the policies: the one that is named, ours if there are files, or none. */}}
{{- define "guardproxy.policyConfigMap" -}}
{{- if .Values.policies.existingConfigMap }}
{{- .Values.policies.existingConfigMap }}
{{- else if .Values.policies.files }}
{{- if not (hasKey .Values.policies.files .Values.policies.main) }}
{{- fail (printf "policies.main is %s, which is not among policies.files" .Values.policies.main) }}
{{- end }}
{{- include "guardproxy.fullname" . }}-policies
{{- end }}
{{- end }}

{{/* A pod that stops: the time until nobody is sent to it, then its running exchanges, then its last words. */}}
{{- define "guardproxy.gracePeriod" -}}
{{- $config := include "guardproxy.config" . | fromYaml }}
{{- add .Values.preStopSeconds (ceil $config.drain_timeout) 30 }}
{{- end }}

{{/* What the values have to name and do not, all at once. */}}
{{- define "guardproxy.check" -}}
{{- $missing := list }}
{{- if not .Values.existingSecret }}
{{- if not .Values.keys.existingSecret }}
{{- $missing = append $missing "keys.existingSecret: the Secret with keys.yaml and keys.pepper, as `guardproxy keys create` writes them (for keys.store=redis: keys.pepper)" }}
{{- end }}
{{- if and .Values.upstream.needsKey (not .Values.upstream.existingSecret) }}
{{- $missing = append $missing "upstream.existingSecret: the Secret with the key of the model endpoint (for one without a key: upstream.needsKey=false)" }}
{{- end }}
{{- if not .Values.redis.existingSecret }}
{{- if eq .Values.redis.mode "bundled" }}
{{- $missing = append $missing "redis.existingSecret: the Secret with the password of the bundled Redis" }}
{{- else if and (eq .Values.redis.mode "external") (not .Values.redis.url) }}
{{- $missing = append $missing "redis.existingSecret: the Secret with the URL of Redis (for one without a password: redis.url)" }}
{{- end }}
{{- end }}
{{- end }}
{{- if $missing }}
{{- fail (printf "name the Secrets to use, each by itself or one for all as existingSecret:\n- %s" (join "\n- " $missing)) }}
{{- end }}
{{- end }}

{{/* The Secret of a part, or the one of all. */}}
{{- define "guardproxy.keysSecret" -}}
{{- include "guardproxy.check" . }}
{{- default .Values.existingSecret .Values.keys.existingSecret }}
{{- end }}

{{- define "guardproxy.upstreamSecret" -}}
{{- include "guardproxy.check" . }}
{{- default .Values.existingSecret .Values.upstream.existingSecret }}
{{- end }}

{{- define "guardproxy.redisSecret" -}}
{{- include "guardproxy.check" . }}
{{- default .Values.existingSecret .Values.redis.existingSecret }}
{{- end }}

{{- define "guardproxy.redisName" -}}
{{- include "guardproxy.fullname" . }}-redis
{{- end }}

{{/* How the pods reach Redis: an environment that holds the URL and, like the values, no secret. */}}
{{- define "guardproxy.redisEnv" -}}
{{- if eq .Values.redis.mode "bundled" }}
- name: REDIS_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ include "guardproxy.redisSecret" . }}
      key: {{ .Values.redis.passwordKey }}
- name: GUARDPROXY_REDIS_URL
  value: redis://:$(REDIS_PASSWORD)@{{ include "guardproxy.redisName" . }}:6379/0
{{- else if eq .Values.redis.mode "external" }}
- name: GUARDPROXY_REDIS_URL
  {{- if .Values.redis.url }}
  value: {{ .Values.redis.url | quote }}
  {{- else }}
  valueFrom:
    secretKeyRef:
      name: {{ include "guardproxy.redisSecret" . }}
      key: {{ .Values.redis.urlKey }}
  {{- end }}
{{- end }}
{{- if ne .Values.redis.mode "none" }}
- name: GUARDPROXY_REPLICAS
  value: {{ ternary .Values.autoscaling.maxReplicas .Values.replicas .Values.autoscaling.enabled | quote }}
{{- end }}
{{- end }}
