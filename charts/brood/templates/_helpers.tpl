{{- define "brood.name" -}}
{{ .Values.fullnameOverride | default .Release.Name | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "brood.account" -}}
{{ .Values.serviceAccount.name | default (include "brood.name" .) }}
{{- end }}

{{- define "brood.selector" -}}
app.kubernetes.io/name: brood
app.kubernetes.io/instance: {{ include "brood.name" . }}
{{- end }}

{{- define "brood.labels" -}}
{{ include "brood.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}

{{- /* Metadata in the release's namespace, of (list $ "-suffix of the name"). */ -}}
{{- define "brood.metadata" -}}
{{- $ := index . 0 -}}
name: {{ include "brood.name" $ }}{{ index . 1 }}
namespace: {{ $.Release.Namespace }}
labels: {{- include "brood.labels" $ | nindent 2 }}
{{- end }}

{{- define "brood.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{- /* What the operator may do where it works, and no more: no Secrets, no impersonation, no wildcards. */ -}}
{{- define "brood.rules" -}}
- apiGroups: [brood.dev]
  resources: [jobdefinitions]
  verbs: [get, list, watch]
- apiGroups: [brood.dev]
  resources: [jobdefinitions/status]
  verbs: [patch]
- apiGroups: [brood.dev]
  resources: [jobruns]
  verbs: [get, list, watch, create, patch, delete] # create: children; patch: their shutdown; delete: after their TTL
- apiGroups: [brood.dev]
  resources: [jobruns/status]
  verbs: [patch]
- apiGroups: [brood.dev]
  resources: [jobruns/finalizers]
  verbs: [update] # for blockOwnerDeletion in ownerReferences, where that is enforced (OpenShift)
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch, create, patch, delete] # patch: the finalizer that keeps results
- apiGroups: [""]
  resources: [pods/log]
  verbs: [get] # results that are too large for a termination message
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get, list, watch, create, patch, delete] # their owner, the root run, takes them along; artifacts.retain may ask for it earlier; a rerun becomes a further owner
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, create] # large inputs and outputs
- apiGroups: [apps]
  resources: [controllerrevisions]
  verbs: [get, list, watch, create, delete] # what a run pins; delete: those that no run names any more
- apiGroups: [""]
  resources: [events]
  verbs: [create, list] # list: why an artifact volume is not there yet
{{- end }}
