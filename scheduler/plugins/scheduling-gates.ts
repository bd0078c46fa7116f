import type { PluginFactory } from '../framework/plugin.ts'
import { unresolvable } from '../framework/status.ts'

/** A Pod is not even queued while one of its gates is closed. */
export const schedulingGates: PluginFactory = () => ({
  name: 'SchedulingGates',
  eventsToRegister: [{ resource: 'TargetPod', actions: ['UpdatePodSchedulingGatesEliminated'] }],
  preEnqueue: (pod) => {
    const gates = (pod.spec?.schedulingGates ?? []).map(({ name }) => name)
    return gates.length === 0 ? undefined : unresolvable(`waiting for scheduling gates: [${gates.join(' ')}]`)
  },
})
