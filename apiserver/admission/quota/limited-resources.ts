/** Configuration of ResourceQuota: resources that nobody has without a quota that covers them. */
import type { ParsedText } from '../../../api/codec/json.ts'
import type { ScopeRequirement } from '../../../api/quota/scopes.ts'
import { ConfigError, decodeConfig, isOfKind } from '../config/decode-config.ts'
import { listOf, objectOf, text } from '../config/schema.ts'

export interface LimitedResource {
  readonly apiGroup?: string
  readonly resource?: string
  /** What uses a quota resource whose name contains one of these needs a quota that limits it. */
  readonly matchContains?: readonly string[]
  /** What is in one of these scopes needs a quota with that scope. */
  readonly matchScopes?: readonly ScopeRequirement[]
}

const fields = {
  limitedResources: listOf(
    objectOf('v1.LimitedResource', {
      apiGroup: text,
      resource: text,
      matchContains: listOf(text),
      matchScopes: listOf(
        objectOf('v1.ScopedResourceSelectorRequirement', { scopeName: text, operator: text, values: listOf(text) }),
      ),
    }),
  ),
}

const current = { kind: 'ResourceQuotaConfiguration', apiVersions: ['apiserver.config.k8s.io/v1'], fields }
const older = {
  kind: 'Configuration',
  apiVersions: ['resourcequota.admission.k8s.io/v1beta1', 'resourcequota.admission.k8s.io/v1alpha1'],
  fields,
}

/** Throws ConfigError. */
export const parseLimitedResources = (document: ParsedText | undefined): readonly LimitedResource[] => {
  if (document === undefined) return []
  const decoded = decodeConfig(document, isOfKind(document, older) ? older : current)
  const limited = (decoded['limitedResources'] ?? []) as readonly LimitedResource[]
  const missing = limited.findIndex(({ resource = '' }) => resource === '')
  if (missing >= 0) throw new ConfigError(`limitedResources[${missing}].resource: Required value`)
  return limited
}
