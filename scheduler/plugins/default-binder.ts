import { pods as podsRef } from '../../api/resources.ts'
import type { Pod } from '../../api/types.ts'
import type { PluginFactory } from '../framework/plugin.ts'

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
    await client.create(podsRef, binding as unknown as Pod, { subresource: 'binding', name })
    return undefined
  },
})
