/** Small objects for tests, in the state that matters. */
import type { Deployment, KubeObject, Node, Pod, ReplicaSet } from '../../api/types.ts'

let serial = 0

export const testNowMs = Date.parse('2026-01-01T00:00:00Z')

const seconds = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`

const meta = (name: string, more: KubeObject['metadata'] = {}): NonNullable<KubeObject['metadata']> => {
  serial += 1
  return {
    name,
    namespace: 'default',
    uid: `uid-${name}`,
    creationTimestamp: seconds(testNowMs - 3_600_000 + serial * 1000),
    generation: 1,
    ...more,
  }
}

interface PodOptions {
  readonly ready?: boolean
  readonly phase?: string
  readonly node?: string
  readonly deleting?: boolean
  readonly readySinceMs?: number
  readonly metadata?: KubeObject['metadata']
}

/** A Pod that runs and is ready, unless told otherwise. */
export const aPod = (name: string, options: PodOptions = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: meta(name, {
    ...(options.deleting ? { deletionTimestamp: seconds(testNowMs) } : {}),
    ...options.metadata,
  }),
  spec: { containers: [{ name: 'c', image: 'i' }], ...(options.node === undefined ? {} : { nodeName: options.node }) },
  status: {
    phase: options.phase ?? 'Running',
    podIP: `10.244.0.${(serial % 250) + 1}`,
    podIPs: [{ ip: `10.244.0.${(serial % 250) + 1}` }],
    conditions: [
      {
        type: 'Ready',
        status: (options.ready ?? true) ? 'True' : 'False',
        lastTransitionTime: seconds(options.readySinceMs ?? testNowMs - 60_000),
      },
    ],
  },
})

/** A Deployment `web` with `app: web`, of generation 1. */
export const aDeployment = (
  replicas: number,
  spec: Partial<NonNullable<Deployment['spec']>> = {},
  status?: Deployment['status'],
): Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: meta('web'),
  spec: {
    replicas,
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'v1' }] } },
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
    revisionHistoryLimit: 10,
    progressDeadlineSeconds: 600,
    ...spec,
  },
  ...(status && { status }),
})

/** A ReplicaSet of the Deployment `web` that runs `image`. */
export const aReplicaSet = (
  image: string,
  replicas: number,
  available: number,
  annotations: Record<string, string> = {},
): ReplicaSet => ({
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  metadata: meta(`web-${image}`, { annotations }),
  spec: {
    replicas,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web', 'pod-template-hash': image } },
      spec: { containers: [{ name: 'c', image }] },
    },
  },
  status: { replicas, readyReplicas: available, availableReplicas: available, observedGeneration: 1 },
})

/** A Node with Ready as given. */
export const aNode = (name: string, ready = 'True', more: Partial<Node> = {}): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { ...meta(name), namespace: undefined, labels: {} },
  spec: {},
  status: { conditions: [{ type: 'Ready', status: ready, reason: 'KubeletReady' }] },
  ...more,
})
