import type { PluginFactory } from '../framework/plugin.ts'
import { unresolvable } from '../framework/status.ts'

const anotherNode = unresolvable("node(s) didn't match the requested node name")

/** A Pod that names its node runs there and nowhere else. */
export const nodeName: PluginFactory = () => ({
  name: 'NodeName',
  eventsToRegister: [{ resource: 'Node', actions: ['Add'] }],
  filter: (pod, { node }) =>
    pod.spec?.nodeName === undefined || pod.spec.nodeName === '' || pod.spec.nodeName === node.metadata?.name
      ? undefined
      : anotherNode,
})
