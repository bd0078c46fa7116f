import { type HostPort, hostPortsOf } from '../framework/node-info.ts'
import { type FilterPlugin, fits } from '../framework/plugin.ts'

const overlaps = (a: HostPort, b: HostPort): boolean =>
  a.port === b.port && a.protocol === b.protocol && (a.ip === b.ip || a.ip === '0.0.0.0' || b.ip === '0.0.0.0')

/** A host port can be had once on a node. */
export const nodePorts: FilterPlugin<readonly HostPort[]> = {
  name: 'NodePorts',
  events: ['AssignedPod/Delete', 'Node/Add'],
  preFilter: (pod) => hostPortsOf(pod),
  filter: (_pod, info, wanted) =>
    wanted.some((port) => info.hostPorts.some((used) => overlaps(port, used)))
      ? { type: 'unschedulable', reasons: ["node(s) didn't have free ports for the requested pod ports"] }
      : fits,
}
