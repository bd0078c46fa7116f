/**
 * Image volumes: the files of an OCI image, read-only and without programs. A CRI runtime mounts them itself; for an
 * engine that cannot, the image is unpacked into the Pod's folder. Upstream: KEP-4639.
 */
import { execFile } from 'node:child_process'
import { mkdir, rename, rm, stat } from 'node:fs/promises'
import { promisify } from 'node:util'
import type { Container, Volume } from '../../api/types.ts'
import type { KubeletPaths } from '../paths.ts'
import type { BoundPod } from '../pod.ts'
import type { EnsureImage, ImageManager } from '../runtime/images/image-manager.ts'
import type { ImageService } from '../runtime/runtime-service.ts'
import { mountPointsUnder } from './mount.ts'
import type { MountedVolume } from './mounted-volume.ts'

const run = promisify(execFile)

export interface ImageVolumeDeps {
  readonly images: ImageManager
  readonly service: Pick<ImageService, 'extractImage'>
  readonly paths: KubeletPaths
}

export type MountImageVolumes = (
  pod: BoundPod,
  container: Container,
  how: Pick<EnsureImage, 'credentials' | 'record' | 'signal'>,
) => Promise<ReadonlyMap<string, MountedVolume>>

/** Programs in it do not run, and nobody writes to it. */
const makeReadOnly = async (folder: string): Promise<void> => {
  if ((await mountPointsUnder(folder)).includes(folder)) return
  await run('mount', ['--bind', folder, folder])
  await run('mount', ['-o', 'remount,bind,ro,noexec,nosuid,nodev', folder])
}

/** The image volumes that a container mounts. Rejects with ImageError, as for the container's own image. */
export const createImageVolumes = ({ images, service, paths }: ImageVolumeDeps): MountImageVolumes => {
  /** One at a time for each place: containers of a Pod may start together. */
  const unpacking = new Map<string, Promise<void>>()

  const unpack = async (id: string, folder: string): Promise<void> => {
    const exists = await stat(folder).then(
      () => true,
      () => false,
    )
    if (!exists) {
      const unfinished = `${folder}.tmp`
      await rm(unfinished, { recursive: true, force: true })
      await mkdir(unfinished, { recursive: true })
      await service.extractImage?.(id, unfinished)
      await rename(unfinished, folder)
    }
    await makeReadOnly(folder)
  }

  const mount = async (pod: BoundPod, { name, image }: Volume, how: Parameters<MountImageVolumes>[2]) => {
    const { id } = await images.ensureImage({
      pod,
      reference: image?.reference ?? '',
      pullPolicy: image?.pullPolicy,
      ...how,
    })
    if (service.extractImage === undefined) return { hostPath: '', readOnly: true, image: id }
    const folder = paths.podVolume(pod.metadata.uid, 'image', name)
    const running = unpacking.get(folder) ?? unpack(id, folder).finally(() => unpacking.delete(folder))
    unpacking.set(folder, running)
    await running
    return { hostPath: folder, readOnly: true, sealed: true }
  }

  return async (pod, container, how) => {
    const mounted = new Map<string, MountedVolume>()
    const names = new Set((container.volumeMounts ?? []).map(({ name }) => name))
    for (const volume of pod.spec.volumes ?? []) {
      if (volume.image !== undefined && names.has(volume.name)) mounted.set(volume.name, await mount(pod, volume, how))
    }
    return mounted
  }
}
