import { type HostPort, hostPortsOf } from '../framework/node-info.ts'
import type { Plugin } from '../framework/plugin.ts'
import { skip, unschedulable } from '../framework/status.ts'

const overlaps = (a: HostPort, b: HostPort): boolean =>
  a.port === b.port && a.protocol === b.protocol && (a.ip === b.ip || a.ip === '0.0.0.0' || b.ip === '0.0.0.0')

const portsAreTaken = unschedulable("node(s) didn't have free ports for the requested pod ports")

/** A host port can be had once on a node. */
export const nodePorts = (): Plugin<readonly HostPort[]> => ({
  name: 'NodePorts',
  eventsToRegister: [
    {
      resource: 'AssignedPod',
      actions: ['Delete'],
      hint: (pod, { old }) => {
        const freed = old === undefined ? [] : hostPortsOf(old)
        return hostPortsOf(pod).some((port) => freed.some((other) => overlaps(port, other))) ? 'Queue' : 'Skip'
      },
    },
    { resource: 'Node', actions: ['Add'] },
  ],
  preFilter: (pod) => {
    const ports = hostPortsOf(pod)
    return ports.length === 0 ? skip : { code: 'Success', state: ports }
  },
  filter: (_pod, info, wanted) =>
    wanted.some((port) => info.hostPorts.some((used) => overlaps(port, used))) ? portsAreTaken : undefined,
})
