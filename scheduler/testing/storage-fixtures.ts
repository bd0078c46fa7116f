/** Claims, volumes and classes for tests. */
import type { CSINode, PersistentVolume, PersistentVolumeClaim, Pod, StorageClass } from '../../api/types.ts'
import { aPod } from './fixtures.ts'

let version = 100
const meta = (name: string, namespace?: string) => ({
  name,
  uid: `uid-${name}`,
  resourceVersion: String(++version),
  ...(namespace === undefined ? {} : { namespace }),
})

type ClaimSpec = NonNullable<PersistentVolumeClaim['spec']>
type VolumeSpec = NonNullable<PersistentVolume['spec']>

/** 1 GiB of class `wait`, not bound. */
export const aClaim = (name: string, spec: Partial<ClaimSpec> = {}): PersistentVolumeClaim => ({
  metadata: meta(name, 'default'),
  spec: {
    accessModes: ['ReadWriteOnce'],
    storageClassName: 'wait',
    resources: { requests: { storage: '1Gi' } },
    ...spec,
  },
  status: { phase: 'Pending' },
})

export const boundTo = (name: string, volumeName: string, spec: Partial<ClaimSpec> = {}): PersistentVolumeClaim => {
  const claim = aClaim(name, { ...spec, volumeName })
  return {
    ...claim,
    metadata: { ...claim.metadata, annotations: { 'pv.kubernetes.io/bind-completed': 'yes' } },
    status: { phase: 'Bound' },
  }
}

/** 1 GiB of class `wait`, available everywhere. */
export const aVolume = (
  name: string,
  spec: Partial<VolumeSpec> = {},
  labels: Record<string, string> = {},
): PersistentVolume => ({
  metadata: { ...meta(name), labels },
  spec: {
    accessModes: ['ReadWriteOnce'],
    storageClassName: 'wait',
    capacity: { storage: '1Gi' },
    ...spec,
  },
  status: { phase: 'Available' },
})

/** Node affinity to nodes with the label. */
export const whereLabel = (key: string, ...values: string[]): Partial<VolumeSpec> => ({
  nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key, operator: 'In', values }] }] } },
})

export const aClass = (name: string, change: Partial<StorageClass> = {}): StorageClass => ({
  metadata: meta(name),
  provisioner: 'kubernetes.io/no-provisioner',
  volumeBindingMode: 'WaitForFirstConsumer',
  ...change,
})

export const aCsiNode = (name: string, limits: Record<string, number>, migrated = ''): CSINode => ({
  metadata: { ...meta(name), annotations: { 'storage.alpha.kubernetes.io/migrated-plugins': migrated } },
  spec: {
    drivers: Object.entries(limits).map(([driver, count]) => ({ name: driver, nodeID: name, allocatable: { count } })),
  },
})

/** A Pod that mounts the claims. */
export const mounting = (...claims: string[]): Pod =>
  aPod({
    volumes: claims.map((claimName, index) => ({ name: `v${index}`, persistentVolumeClaim: { claimName } })),
  })
