/** Images: with which credentials they are pulled, who may use them, what is mounted of them, and when they go. */
import { join } from 'node:path'
import type { ObjectSource } from '../container/objects.ts'
import { pullCredentials } from '../container/pull-secrets.ts'
import type { KubeletMetrics } from '../metrics.ts'
import { fileSystemBytes } from '../node/machine.ts'
import type { EventRecorder } from '../recorder.ts'
import type { ContainerEngine } from '../runtime/engine.ts'
import { createCredentialPlugins } from '../runtime/images/credential-plugins.ts'
import { createImageGc } from '../runtime/images/image-gc.ts'
import { createImageManager } from '../runtime/images/image-manager.ts'
import { limitPulls } from '../runtime/images/pull-rate.ts'
import { createPullRecords } from '../runtime/images/pull-records.ts'
import type { RuntimeService } from '../runtime/runtime-service.ts'
import type { StarterDeps } from '../sync/start-container.ts'
import { createImageVolumes } from '../volumes/image-volume.ts'
import type { Base } from './base.ts'

export interface ImagesDeps {
  readonly engine: ContainerEngine
  readonly runtime: RuntimeService
  readonly objects: ObjectSource
  readonly recorder: EventRecorder
  readonly metrics: () => Pick<KubeletMetrics, 'imagesCollected'>
}

export const createImages = ({ config, paths, now, node, log }: Base, deps: ImagesDeps) => {
  const { engine, runtime, objects, recorder } = deps
  const service = limitPulls(engine.images, config.pullRate, now)
  const imagesLog = log.child({ subsystem: 'images' })
  const records = createPullRecords(join(config.rootDir, 'image_manager'), { ...config.imageVerification, now })
  const images = createImageManager({ images: service, now, maxParallelPulls: config.maxParallelImagePulls, records })
  const plugins = createCredentialPlugins(config.credentialPlugins, { now, log: imagesLog })
  const credentials: StarterDeps['credentials'] = (pod, image) =>
    pullCredentials({ objects, rootDir: config.rootDir, plugins }, pod, image)
  const gc = createImageGc({
    runtime,
    images: service,
    records,
    policy: config.imageGc,
    sharesImages: engine.sharesImages,
    pauseImage: config.pauseImage,
    // An engine may be inside a machine of its own.
    disk: async () => fileSystemBytes(await service.imageFolder()).catch(() => fileSystemBytes(config.rootDir)),
    warn: (reason, message) => {
      const about = node()
      if (about !== undefined) recorder.event(about, 'Warning', reason, message)
    },
    onCollected: (reason) => deps.metrics().imagesCollected.inc({ reason }),
    now,
    log: imagesLog,
  })
  return { service, images, credentials, mountImageVolumes: createImageVolumes({ images, service, paths }), gc }
}
