import { StatusError } from '../../api/meta/status-error.ts'
import { pods as podsRef } from '../../api/resources.ts'
import type { Pod } from '../../api/types.ts'
import type { RestClient } from '../../client/rest/rest-client.ts'
import type { PluginFactory } from '../framework/plugin.ts'

/** Whether the Pod is on the node after all: the answer to the Binding was lost, or it was written a second time. */
const isBoundTo = async (client: RestClient, pod: Pod, nodeName: string): Promise<boolean> => {
  const { name = '', namespace = '', uid } = pod.metadata ?? {}
  const now = await client.get(podsRef, name, namespace).catch(() => undefined)
  return now?.metadata?.uid === uid && now?.spec?.nodeName === nodeName
}

/** Answers that leave no doubt that nothing was written. */
const isRefusal = (error: unknown): boolean =>
  error instanceof StatusError && error.reason !== 'Conflict' && error.reason !== 'Timeout'

/** Writes the Pod's node by a Binding; the API server refuses it for a Pod that has one already. */
export const defaultBinder: PluginFactory = (_args, { client }) => ({
  name: 'DefaultBinder',
  bind: async (pod, nodeName) => {
    const { name = '', namespace = '', uid } = pod.metadata ?? {}
    const binding = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name, namespace, uid },
      target: { apiVersion: 'v1', kind: 'Node', name: nodeName },
    }
    try {
      await client.create(podsRef, binding as unknown as Pod, { subresource: 'binding', name })
    } catch (error) {
      // Giving the place away that the Pod may hold would put too many on the node.
      if (isRefusal(error) || !(await isBoundTo(client, pod, nodeName))) throw error
    }
    return undefined
  },
})
