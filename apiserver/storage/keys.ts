/**
 * Where objects lie in the store: upstream's own keys, so that etcdctl, backups and upstream's API server agree.
 * Upstream: pkg/kubeapiserver/default_storage_factory_builder.go
 */

/** Resources whose key prefix is not their plural name, for reasons of age. */
const specialPrefixes: Readonly<Record<string, string>> = {
  replicationcontrollers: 'controllers',
  endpoints: 'services/endpoints',
  nodes: 'minions',
  services: 'services/specs',
  'ingresses.networking.k8s.io': 'ingress',
}

/** Groups served by their own API server upstream put the group into the key; so do custom resources. */
const groupsInKey = new Set(['apiextensions.k8s.io', 'apiregistration.k8s.io'])

/** The prefix of all keys of a resource, with slashes on both ends: `/registry/pods/`. */
export const resourcePrefix = (
  root: string,
  { group, plural, custom }: { group: string; plural: string; custom?: unknown },
): string => {
  const special = specialPrefixes[group === '' ? plural : `${plural}.${group}`]
  if (special !== undefined) return `${root}/${special}/`
  return custom !== undefined || groupsInKey.has(group) ? `${root}/${group}/${plural}/` : `${root}/${plural}/`
}

/** Key of an object inside its resource: `ns/name`, or `name` for cluster scope. Caches are ordered by it. */
export const objectKey = (namespace: string, name: string): string => (namespace === '' ? name : `${namespace}/${name}`)

/** The first key after all that begin with `prefix`. Upstream: clientv3.GetPrefixRangeEnd. */
export const prefixEnd = (prefix: string): string =>
  `${prefix.slice(0, -1)}${String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1)}`
