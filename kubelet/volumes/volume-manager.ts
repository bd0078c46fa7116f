/** Makes a Pod's volumes on the node, keeps their contents current and takes them away. */
import { createHash } from 'node:crypto'
import { chmod, chown, mkdir, rm, stat } from 'node:fs/promises'
import { quantityValue } from '../../api/meta/quantity.ts'
import type { Volume } from '../../api/types.ts'
import type { KubeletPaths } from '../paths.ts'
import type { BoundPod } from '../pod.ts'
import { writeAtomically } from './atomic-writer.ts'
import { inlineSpec } from '../csi/volume-spec.ts'
import { prepareHostPath } from './host-path.ts'
import { type ClaimDeps, claimOf, type MountNfsVolume, mountClaim } from './persistent-volume.ts'
import { mountNfs, mountPointsUnder, mountTmpfs, unmountUnder } from './mount.ts'
import type { MountedVolume } from './mounted-volume.ts'
import { setVolumeOwnership } from './ownership.ts'
import { type DownwardContext, type Files, VolumeError } from './payload.ts'
import { apiVolumeFiles, type ProjectionDeps } from './projected.ts'

export interface VolumeManager {
  /** Makes or refreshes all volumes; throws VolumeError naming those that failed. */
  mount(pod: BoundPod, context: Omit<DownwardContext, 'pod'>): Promise<ReadonlyMap<string, MountedVolume>>
  /** Unmounts everything and removes the volumes; the containers' last words stay for the status. */
  unmount(podUid: string): Promise<void>
  /** Removes the Pod's folder too. */
  remove(podUid: string): Promise<void>
}

export interface VolumeManagerDeps extends ProjectionDeps, Omit<ClaimDeps, 'mountNfs'> {
  readonly paths: KubeletPaths
  readonly now: () => number
}

const digest = (files: Files, fsGroup: number | undefined): string => {
  const hash = createHash('sha256').update(String(fsGroup))
  for (const [path, { data, mode, uid }] of files)
    hash.update(`\0${path}\0${mode}\0${uid}\0${data.length}\0`).update(data)
  return hash.digest('base64')
}

const kindOf = (volume: Volume): string => {
  if (volume.configMap !== undefined) return 'configmap'
  if (volume.secret !== undefined) return 'secret'
  return volume.downwardAPI !== undefined ? 'downward-api' : 'projected'
}

export const createVolumeManager = ({ paths, now, ...deps }: VolumeManagerDeps): VolumeManager => {
  /** What was written last to each folder. */
  const written = new Map<string, string>()

  const emptyDir = async (
    pod: BoundPod,
    name: string,
    source: NonNullable<Volume['emptyDir']>,
  ): Promise<MountedVolume> => {
    const hostPath = paths.podVolume(pod.metadata.uid, 'empty-dir', name)
    const isNew = await stat(hostPath).then(
      () => false,
      () => true,
    )
    if (source.medium === 'Memory') {
      await mountTmpfs(hostPath, source.sizeLimit === undefined ? 0 : quantityValue(source.sizeLimit))
    } else if (source.medium === undefined || source.medium === '') {
      await mkdir(hostPath, { recursive: true })
    } else {
      throw new VolumeError(`emptyDir medium ${source.medium} is not implemented by kubets`)
    }
    if (isNew) await chmod(hostPath, 0o777)
    const fsGroup = pod.spec.securityContext?.fsGroup
    // Once: what containers make later is theirs.
    if (isNew && fsGroup !== undefined)
      await setVolumeOwnership(hostPath, fsGroup, pod.spec.securityContext?.fsGroupChangePolicy)
    return { hostPath, readOnly: false }
  }

  const apiVolume = async (pod: BoundPod, volume: Volume, files: Files): Promise<MountedVolume> => {
    const kind = kindOf(volume)
    const hostPath = paths.podVolume(pod.metadata.uid, kind, volume.name)
    const fsGroup = pod.spec.securityContext?.fsGroup
    const wanted = digest(files, fsGroup)
    if (written.get(hostPath) === wanted) return { hostPath, readOnly: true }
    // Secrets never reach a disk. Where nothing can be mounted (a node inside a container) they do.
    if (kind !== 'configmap') await mountTmpfs(hostPath, 0).catch(() => undefined)
    await mkdir(hostPath, { recursive: true })
    await chmod(hostPath, 0o777)
    await writeAtomically(hostPath, files, { ...(fsGroup === undefined ? {} : { fsGroup }), now: new Date(now()) })
    if (fsGroup !== undefined) await chown(hostPath, 0, fsGroup)
    written.set(hostPath, wanted)
    return { hostPath, readOnly: true }
  }

  const nfsVolume: MountNfsVolume = async (pod, name, { server, path, readOnly = false, mountOptions = [] }) => {
    const hostPath = paths.podVolume(pod.metadata.uid, 'nfs', name)
    await mountNfs({ server, path, readOnly }, mountOptions, hostPath)
    return { hostPath, readOnly }
  }

  const mountOne = async (pod: BoundPod, volume: Volume, context: DownwardContext): Promise<MountedVolume> => {
    if (volume.emptyDir !== undefined) return emptyDir(pod, volume.name, volume.emptyDir)
    if (volume.hostPath !== undefined) {
      await prepareHostPath(volume.hostPath.path, volume.hostPath.type ?? '')
      return { hostPath: volume.hostPath.path, readOnly: false }
    }
    // Mounted when a container that has it is started: what goes wrong is told like a pull of the container's image.
    if (volume.image !== undefined) return { hostPath: '', readOnly: true }
    const claim = claimOf(pod, volume)
    if (claim !== undefined) return mountClaim(pod, claim, { ...deps, mountNfs: nfsVolume })
    if (volume.nfs !== undefined) return nfsVolume(pod, volume.name, volume.nfs)
    const inline = inlineSpec(pod, volume)
    if (inline !== undefined) return deps.csi.mount(pod, inline)
    const files = await apiVolumeFiles(volume, context, deps)
    if (files !== undefined) return apiVolume(pod, volume, files)
    const source = Object.keys(volume).find((field) => field !== 'name') ?? 'without a source'
    throw new VolumeError(`volume source ${source} is not implemented by kubets`)
  }

  const unmount = async (podUid: string): Promise<void> => {
    await deps.csi.unmountPod(podUid)
    await unmountUnder(paths.pod(podUid))
    const folder = paths.podVolumes(podUid)
    await rm(folder, { recursive: true, force: true })
    for (const path of written.keys()) if (path.startsWith(`${folder}/`)) written.delete(path)
  }

  return {
    mount: async (pod, context) => {
      const volumes = pod.spec.volumes ?? []
      const results = await Promise.allSettled(volumes.map((volume) => mountOne(pod, volume, { ...context, pod })))
      const mounted = new Map<string, MountedVolume>()
      const failures: string[] = []
      results.forEach((result, index) => {
        const name = volumes[index]?.name ?? ''
        if (result.status === 'fulfilled') mounted.set(name, result.value)
        else {
          const message = result.reason instanceof Error ? result.reason.message : String(result.reason)
          failures.push(`MountVolume.SetUp failed for volume "${name}" : ${message}`)
        }
      })
      if (failures.length > 0) throw new VolumeError(failures.join('\n'))
      return mounted
    },
    unmount,
    remove: async (podUid) => {
      await unmount(podUid)
      // What is bound there is the volume itself, perhaps of the node: it is never removed with the folder.
      const [bound] = await mountPointsUnder(paths.pod(podUid))
      if (bound !== undefined) throw new VolumeError(`${bound} is still mounted`)
      await rm(paths.pod(podUid), { recursive: true, force: true })
    },
  }
}
