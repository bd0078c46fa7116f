import type { Subresource, Verb } from '../kind.ts'

const proxyVerbs: readonly Verb[] = ['create', 'delete', 'get', 'patch', 'update']

const coreKind = (kind: string) => ({ group: '', version: 'v1', kind })

/** A long-lived stream (exec, attach, portforward): GET or POST opens it, the options are query parameters. */
export const streamSubresource = (name: string, optionsKind: string): Subresource => ({
  name,
  kind: coreKind(optionsKind),
  verbs: ['create', 'get'],
})

/** A reverse proxy into the cluster: every method is passed on. */
export const proxySubresource = (optionsKind: string): Subresource => ({
  name: 'proxy',
  kind: coreKind(optionsKind),
  verbs: proxyVerbs,
})

/** A subresource that is an action: only POST, with a body of its own kind. */
export const actionSubresource = (name: string, group: string, version: string, kind: string): Subresource => ({
  name,
  kind: { group, version, kind },
  verbs: ['create'],
})
