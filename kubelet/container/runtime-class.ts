/** From the RuntimeClass that a Pod names to the runtime's handler. Upstream: pkg/kubelet/runtimeclass. */
import { notFound } from '../../api/meta/status-error.ts'
import { runtimeClasses } from '../../api/resources.ts'
import type { InformerFactory } from '../../client/cache/informer.ts'
import type { RestClient } from '../../client/rest/rest-client.ts'
import type { BoundPod } from '../pod.ts'

/** Rejects as upstream does where there is no such class. Static Pods without an API server have none. */
export const runtimeHandlers = (
  client: RestClient | undefined,
  factory: InformerFactory | undefined,
): ((pod: BoundPod) => Promise<string>) => {
  const lister = factory?.for(runtimeClasses).lister
  return async ({ spec }) => {
    const name = spec.runtimeClassName ?? ''
    if (name === '') return ''
    // One that was made a moment ago may not be in the cache yet.
    const found = lister?.get(name) ?? (await client?.get(runtimeClasses, name))
    if (found === undefined) throw notFound({ group: 'node.k8s.io', resource: 'runtimeclass' }, name)
    return found.handler
  }
}
