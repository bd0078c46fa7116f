/** Builders for the kubelet's unit tests. */
import type { Container, PodSpec } from '../api/types.ts'
import { cgroupSettings } from './container/resources.ts'
import type { BoundPod } from './pod.ts'
import { containerHashAnnotation, containerTypeAnnotation } from './runtime/labels.ts'
import type { ContainerStatus, PodSandboxStatus } from './runtime/runtime-service.ts'
import { containerHash } from './sync/container-hash.ts'
import type { PodRuntimeState } from './sync/runtime-state.ts'

export const aContainer = (name: string, fields: Partial<Container> = {}): Container => ({
  name,
  image: 'web:1',
  ...fields,
})

export const aPod = (spec: Partial<PodSpec> = {}, metadata: Partial<BoundPod['metadata']> = {}): BoundPod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'shop', uid: 'u1', ...metadata },
  spec: { containers: [aContainer('c')], ...spec },
})

export const aSandbox = (fields: Partial<PodSandboxStatus> = {}): PodSandboxStatus => ({
  id: 'sandbox',
  metadata: { name: 'web', namespace: 'shop', uid: 'u1', attempt: 0 },
  state: 'ready',
  createdAt: 1000,
  ips: ['10.0.0.2'],
  network: 'pod',
  labels: {},
  annotations: {},
  ...fields,
})

/** A container's status as the runtime tells it; `of` gives the hash of the spec that it was made from. */
export const aStatus = (of: Container, fields: Partial<ContainerStatus> = {}): ContainerStatus => ({
  id: `${of.name}-0`,
  sandboxId: 'sandbox',
  podUid: 'u1',
  name: of.name,
  attempt: 0,
  state: 'running',
  createdAt: 1000,
  startedAt: 2000,
  finishedAt: 0,
  exitCode: 0,
  image: of.image ?? '',
  imageId: 'docker://sha256:1',
  imageRef: 'sha256:1',
  reason: '',
  message: '',
  resources: cgroupSettings(of),
  logPath: '',
  user: undefined,
  labels: {},
  annotations: { [containerHashAnnotation]: containerHash(of), [containerTypeAnnotation]: 'container' },
  ...fields,
})

export const exited = (of: Container, exitCode: number, fields: Partial<ContainerStatus> = {}): ContainerStatus =>
  aStatus(of, {
    state: 'exited',
    exitCode,
    finishedAt: 3000,
    reason: exitCode === 0 ? 'Completed' : 'Error',
    ...fields,
  })

export const aState = (
  containers: readonly ContainerStatus[],
  sandboxes: readonly PodSandboxStatus[] = [aSandbox()],
): PodRuntimeState => ({
  sandboxes,
  containers,
})
