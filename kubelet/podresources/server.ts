/** Who on this node has which devices, for monitoring agents: `<root>/pod-resources/kubelet.sock`. Upstream: podresources/v1. */
import { chmod, mkdir, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { whenAborted } from '../../component-base/async/aborted.ts'
import { listen } from '../../component-base/grpc/listener.ts'
import { createGrpcServer, implementUnary } from '../../component-base/grpc/server.ts'
import { GrpcError, grpcCode } from '../../component-base/grpc/status.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { DeviceManager } from '../deviceplugin/device-manager.ts'
import { type BoundPod, containersOf } from '../pod.ts'
import { podResources, type PodResourcesInput } from './messages.ts'

export interface PodResourcesDeps {
  readonly path: string
  /** Pods that hold resources of the node. */
  readonly active: () => readonly BoundPod[]
  readonly devices: DeviceManager
  /** CPUs of the machine; none is given to one container alone. */
  readonly cpus: number
  readonly log: Logger
}

export const runPodResources = async (deps: PodResourcesDeps, signal: AbortSignal): Promise<void> => {
  const { path, devices, log } = deps

  const ofPod = (pod: BoundPod): PodResourcesInput => {
    const allocations = devices.allocationsOf(pod.metadata.uid)
    return {
      name: pod.metadata.name,
      namespace: pod.metadata.namespace,
      containers: containersOf(pod)
        .filter(({ type }) => type === 'container' || type === 'sidecar')
        .map(({ container: { name } }) => ({
          name,
          devices: allocations
            .filter(({ container }) => container === name)
            .map(({ resource, ids }) => ({ resourceName: resource, deviceIds: [...ids] })),
        })),
    }
  }

  const server = createGrpcServer({
    onInternalError: (error) => log.error({ err: error }, 'a question for pod resources failed'),
    implementations: [
      implementUnary(podResources.list, () => ({ podResources: deps.active().map(ofPod) })),
      implementUnary(podResources.getAllocatable, () => ({
        devices: [...devices.plugins.resources().values()]
          .map(({ name, devices: all }) => ({
            resourceName: name,
            deviceIds: [...all].filter(([, isHealthy]) => isHealthy).map(([id]) => id),
          }))
          .filter(({ deviceIds }) => deviceIds.length > 0),
        cpuIds: Array.from({ length: deps.cpus }, (_none, cpu) => cpu),
      })),
      implementUnary(podResources.get, ({ podName, podNamespace }) => {
        const pod = deps
          .active()
          .find(({ metadata }) => metadata.name === podName && metadata.namespace === podNamespace)
        if (pod === undefined) {
          throw new GrpcError(grpcCode.unknown, `pod ${podName} in namespace ${podNamespace} not found`)
        }
        return { podResources: ofPod(pod) }
      }),
    ],
  })
  await mkdir(dirname(path), { recursive: true, mode: 0o750 })
  await rm(path, { force: true })
  const listener = await listen({ path, http2: server, http1: (_request, response) => response.end() })
  await chmod(path, 0o600)
  await whenAborted(signal)
  await listener.close(0)
}
