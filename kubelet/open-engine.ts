/** The container engine that the configuration names: Docker, or any CRI runtime. */
import type { KubeletConfig } from './config/config.ts'
import type { KubeletPaths } from './paths.ts'
import { quantityValue } from '../api/meta/quantity.ts'
import type { Logger } from '../component-base/logging/logger.ts'
import { createCni } from './runtime/cni/cni.ts'
import { type ContainerEngine, engineKind } from './runtime/engine.ts'

/** Loads what it needs alone: a kubelet uses one of them. Rejects when the engine does not answer. */
export const openEngine = async (config: KubeletConfig, paths: KubeletPaths, log: Logger): Promise<ContainerEngine> => {
  if ((await engineKind(config.runtimeEndpoint)) === 'cri') {
    const { createCriRuntime } = await import('./runtime/cri/cri-runtime.ts')
    return createCriRuntime({
      endpoint: config.runtimeEndpoint,
      imageEndpoint: config.imageServiceEndpoint,
      cgroupDriver: config.cgroupDriver,
    })
  }
  const { createDockerRuntime } = await import('./runtime/docker/docker-runtime.ts')
  return createDockerRuntime({
    endpoint: config.runtimeEndpoint,
    nodeName: config.nodeName,
    rootDir: config.rootDir,
    pauseImage: config.pauseImage,
    cni: createCni({ confDir: config.cniConfDir, binDirs: config.cniBinDirs, cacheDir: paths.cniCache }),
    logMaxSizeBytes: quantityValue(config.containerLogMaxSize),
    logMaxFiles: config.containerLogMaxFiles,
    log: log.child({ subsystem: 'docker' }),
  })
}
