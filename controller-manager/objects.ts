/** Short names for the facts of metadata that every controller reads. */
import { parseTime } from '../api/meta/time.ts'
import type { KubeObject } from '../api/types.ts'

export const nameOf = (object: KubeObject): string => object.metadata?.name ?? ''
export const namespaceOf = (object: KubeObject): string => object.metadata?.namespace ?? ''
export const uidOf = (object: KubeObject): string => object.metadata?.uid ?? ''
export const labelsOf = (object: KubeObject): Record<string, string> => object.metadata?.labels ?? {}
export const annotationsOf = (object: KubeObject): Record<string, string> => object.metadata?.annotations ?? {}
export const isDeleting = (object: KubeObject): boolean => object.metadata?.deletionTimestamp !== undefined

/** `namespace/name`, or the bare name of a cluster-scoped object. Upstream: cache.MetaNamespaceKeyFunc. */
export const keyOf = (object: KubeObject): string => {
  const namespace = namespaceOf(object)
  return namespace === '' ? nameOf(object) : `${namespace}/${nameOf(object)}`
}

/** The two parts of a key; the namespace of a cluster-scoped key is ''. */
export const splitKey = (key: string): { namespace: string; name: string } => {
  const slash = key.indexOf('/')
  return slash < 0 ? { namespace: '', name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) }
}

/** Milliseconds since the epoch of an RFC 3339 time; `undefined` if absent or unreadable. */
export const timeMs = (time: string | undefined): number | undefined => {
  return time === undefined || time === null ? undefined : parseTime(time)
}

export const createdMs = (object: KubeObject): number => timeMs(object.metadata?.creationTimestamp) ?? 0

/** Older first, names break ties: the order in which histories are walked. */
export const byCreation = (a: KubeObject, b: KubeObject): number =>
  createdMs(a) - createdMs(b) || (nameOf(a) < nameOf(b) ? -1 : nameOf(a) > nameOf(b) ? 1 : 0)
