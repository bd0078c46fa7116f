/** A short way to write RBAC rules down: lists as comma separated text. */
import type { PolicyRule } from '../rbac-rules.ts'

const list = (text: string): string[] => (text === '' ? [] : text.split(','))

/** `rule('get,list', 'apps', 'deployments,replicasets')`; the core group is `core`. */
export const rule = (verbs: string, groups: string, resources: string, names = ''): PolicyRule => ({
  verbs: list(verbs),
  apiGroups: list(groups).map((group) => (group === 'core' ? '' : group)),
  resources: list(resources),
  ...(names === '' ? {} : { resourceNames: list(names) }),
})

export const pathRule = (verbs: string, urls: string): PolicyRule => ({
  verbs: list(verbs),
  nonResourceURLs: list(urls),
})

/** Feature gates that add rules. */
export interface PolicyGates {
  readonly ClusterTrustBundle: boolean
}

export const read = 'get,list,watch'
export const write = 'create,delete,deletecollection,patch,update'
export const readWrite = 'get,list,watch,create,update,patch,delete,deletecollection'

/** Both event APIs, as every controller writes them. */
export const eventsRule = rule('create,update,patch', 'core,events.k8s.io', 'events')

export interface RoleSpec {
  readonly name: string
  readonly rules: readonly PolicyRule[]
  readonly labels?: Readonly<Record<string, string>>
  /** For roles that are the sum of others: their label. */
  readonly aggregates?: string
}
