/** Changes of storage that may let a Pod be scheduled. Upstream: volumebinding/volume_binding.go. */
import { quantityValue } from '../../../api/meta/quantity.ts'
import type { CSIDriver, CSINode, CSIStorageCapacity, StorageClass } from '../../../api/types.ts'
import type { EventRegistration, QueueingHint } from '../../framework/events.ts'
import { migratedPlugins } from './csi-migration.ts'
import { volumeLimit } from './find-volumes.ts'
import { claimHint, podClaims } from './pod-claims.ts'

const limitOf = (capacity: CSIStorageCapacity): number => {
  const limit = volumeLimit(capacity)
  return limit === undefined ? -1 : quantityValue(limit)
}

/** Queue for a new object, and for an updated one where `helps` says so. */
const whenUpdated =
  <T>(helps: (old: T, current: T) => boolean): QueueingHint =>
  (_pod, { old, current }) =>
    old === undefined || helps(old as T, current as T) ? 'Queue' : 'Skip'

const afterDriverChange: QueueingHint = (pod, { old, current }) => {
  const [before, now] = [old as CSIDriver, current as CSIDriver]
  const isNoMoreAsked = before.spec?.storageCapacity === true && now.spec?.storageCapacity !== true
  return isNoMoreAsked && podClaims(pod).length > 0 ? 'Queue' : 'Skip'
}

export const volumeBindingEvents: readonly EventRegistration[] = [
  {
    resource: 'storage.k8s.io/StorageClass',
    actions: ['Add', 'Update'],
    hint: whenUpdated<StorageClass>(
      (old, { allowedTopologies }) => JSON.stringify(old.allowedTopologies) !== JSON.stringify(allowedTopologies),
    ),
  },
  { resource: 'PersistentVolumeClaim', actions: ['Add', 'Update'], hint: claimHint },
  { resource: 'PersistentVolume', actions: ['Add', 'Update'] },
  { resource: 'Node', actions: ['Add', 'UpdateNodeLabel'] },
  {
    resource: 'storage.k8s.io/CSINode',
    actions: ['Add', 'Update'],
    hint: whenUpdated<CSINode>((old, now) => migratedPlugins(old) !== migratedPlugins(now)),
  },
  { resource: 'storage.k8s.io/CSIDriver', actions: ['Update'], hint: afterDriverChange },
  {
    resource: 'storage.k8s.io/CSIStorageCapacity',
    actions: ['Add', 'Update'],
    hint: whenUpdated<CSIStorageCapacity>((old, now) => limitOf(now) > limitOf(old)),
  },
]
