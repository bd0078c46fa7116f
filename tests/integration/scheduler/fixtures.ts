/** Pods for tests of the scheduler, and what they wait for. */
import { events as eventsRef, pods as podsRef } from '../../../api/resources.ts'
import type { Event, Pod } from '../../../api/types.ts'
import type { RestClient } from '../../../client/rest/rest-client.ts'
import { waitFor } from '../../harness/wait.ts'

type PodSpec = NonNullable<Pod['spec']>

/** A Pod of one container with these requests; `spec` replaces whole parts. */
export const podOf = (
  name: string,
  namespace: string,
  { requests = {}, ...spec }: Partial<PodSpec> & { requests?: Record<string, string> } = {},
): Pod => ({
  metadata: { name, namespace },
  // Requests alone: extended resources need the same limit.
  spec: {
    containers: [{ name: 'app', image: 'none', resources: { requests, limits: requests } }],
    terminationGracePeriodSeconds: 0,
    ...spec,
  },
})

/** Waits until a Pod is as it is wanted. */
export const podWhen = (
  client: RestClient,
  { name, namespace }: { readonly name: string; readonly namespace: string },
  wanted: { readonly what: string; readonly is: (pod: Pod) => boolean },
): Promise<Pod> =>
  waitFor(
    async () => {
      const pod = await client.get(podsRef, name, namespace)
      return wanted.is(pod) ? pod : undefined
    },
    { what: `${name}: ${wanted.what}` },
  )

export const isBound = { what: 'to have a node', is: (pod: Pod) => (pod.spec?.nodeName ?? '') !== '' }

export const unschedulableMessage = (pod: Pod): string | undefined =>
  pod.status?.conditions?.find(
    ({ type, status, reason }) => type === 'PodScheduled' && status === 'False' && reason === 'Unschedulable',
  )?.message

export const isUnschedulable = {
  what: 'to be unschedulable',
  is: (pod: Pod) => unschedulableMessage(pod) !== undefined,
}

/** Waits until somebody told this about the object. */
export const eventWhen = (
  client: RestClient,
  { name, namespace }: { readonly name: string; readonly namespace: string },
  reason: string,
): Promise<Event> =>
  waitFor(
    async () => {
      const { items } = await client.list(eventsRef, { namespace })
      return items.find((event) => event.involvedObject.name === name && event.reason === reason)
    },
    { what: `an event ${reason} of ${name}` },
  )
