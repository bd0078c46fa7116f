/** Pods that have more on the disk than they may. Pure. Upstream: localStorageEviction. */
import { podLimits } from '../../api/meta/pods.ts'
import { formatQuantity, quantityToNumber, quantityValue } from '../../api/meta/quantity.ts'
import type { BoundPod } from '../pod.ts'
import type { PodDisk } from '../stats/pod-disk.ts'

/** The limit that was exceeded, as the metric of evictions names it. */
export type LocalLimit = 'emptydirfs.limit' | 'ephemeralpodfs.limit' | 'ephemeralcontainerfs.limit'

export interface Excess {
  readonly limit: LocalLimit
  readonly message: string
}

const resource = 'ephemeral-storage'

/** Whether the Pod has such a limit at all: of others the disk need not be measured. */
export const hasLocalLimit = ({ spec }: BoundPod): boolean =>
  spec.volumes?.some(({ emptyDir }) => emptyDir?.sizeLimit !== undefined) === true ||
  spec.containers.some(({ resources }) => resources?.limits?.[resource] !== undefined)

const emptyDirs = ({ spec }: BoundPod, { volumes }: PodDisk): Excess | undefined => {
  for (const { name, emptyDir } of spec.volumes ?? []) {
    const limit = emptyDir?.sizeLimit
    const used = volumes.get(name)?.usedBytes
    if (limit === undefined || used === undefined || quantityValue(limit) <= 0) continue
    if (used > quantityValue(limit)) {
      return {
        limit: 'emptydirfs.limit',
        message: `Usage of EmptyDir volume ${JSON.stringify(name)} exceeds the limit ${JSON.stringify(limit)}. `,
      }
    }
  }
  return undefined
}

const wholePod = (pod: BoundPod, { ephemeralStorage }: PodDisk): Excess | undefined => {
  const limit = podLimits(pod)[resource]
  if (limit === undefined || ephemeralStorage.usedBytes <= quantityToNumber(limit)) return undefined
  return {
    limit: 'ephemeralpodfs.limit',
    message: `Pod ephemeral local storage usage exceeds the total limit of containers ${formatQuantity(limit)}. `,
  }
}

const containers = ({ spec }: BoundPod, disk: PodDisk, hasImageFs: boolean): Excess | undefined => {
  for (const { name, resources } of spec.containers) {
    const limit = resources?.limits?.[resource]
    const used = disk.containers.get(name)
    if (limit === undefined || used === undefined || quantityValue(limit) === 0) continue
    const bytes = used.logs.usedBytes + (hasImageFs ? 0 : used.rootfs.usedBytes)
    if (bytes > quantityValue(limit)) {
      return {
        limit: 'ephemeralcontainerfs.limit',
        message: `Container ${name} exceeded its local ephemeral storage limit ${JSON.stringify(limit)}. `,
      }
    }
  }
  return undefined
}

/** The first limit that the Pod exceeds. Layers count only where they are on the node's own file system. */
export const localExcess = (pod: BoundPod, disk: PodDisk, hasImageFs: boolean): Excess | undefined =>
  emptyDirs(pod, disk) ?? wholePod(pod, disk) ?? containers(pod, disk, hasImageFs)
