/** Flags of upstream's kube-controller-manager that there is nothing to do for here: they are taken, and say so. */
import { defineFlags } from '../component-base/flags/flags.ts'

export const noCloud = 'cloud providers run in cloud-controller-manager'
const noRecycler = 'volumes are not recycled: upstream has deprecated it'
const noHeaders = 'front proxies are not accepted here'

const idleDefaults = { string: '', int: 0, bool: false, duration: 0, strings: [] } as const
const idle = <T extends 'string' | 'int' | 'bool' | 'duration' | 'strings'>(
  type: T,
  help: string,
  unsupported: string,
) => ({ type, default: idleDefaults[type], help, unsupported }) as const

export const idleFlags = defineFlags({
  'concurrent-service-syncs': idle('int', 'Number of Services that get load balancers at once.', noCloud),
  'route-reconciliation-period': idle('duration', 'Time between looks at routes.', noCloud),
  'external-cloud-volume-plugin': idle('string', 'Volume plugin of a cloud.', noCloud),
  'enable-hostpath-provisioner': idle('bool', 'Provision host paths, for tests.', 'provisioners are external'),
  'pv-recycler-increment-timeout-nfs': idle('int', 'Time to recycle NFS.', noRecycler),
  'pv-recycler-minimum-timeout-hostpath': idle('int', 'Time to recycle host paths.', noRecycler),
  'pv-recycler-minimum-timeout-nfs': idle('int', 'Time to recycle NFS.', noRecycler),
  'pv-recycler-pod-template-filepath-hostpath': idle('string', 'Pod that recycles host paths.', noRecycler),
  'pv-recycler-pod-template-filepath-nfs': idle('string', 'Pod that recycles NFS.', noRecycler),
  'pv-recycler-timeout-increment-hostpath': idle('int', 'Time to recycle host paths.', noRecycler),
  'requestheader-extra-headers-prefix': idle('strings', 'Headers of front proxies.', noHeaders),
  'requestheader-group-headers': idle('strings', 'Headers of front proxies.', noHeaders),
  'requestheader-uid-headers': idle('strings', 'Headers of front proxies.', noHeaders),
  'requestheader-username-headers': idle('strings', 'Headers of front proxies.', noHeaders),
  'enable-leader-migration': idle('bool', 'Move controllers to a cloud.', noCloud),
  'leader-migration-config': idle('string', 'Which controllers move to a cloud.', noCloud),
})
