/** Those who work on the same objects as the controllers: people who scale, roll out, relabel, tamper, evict, delete. */
import { isReason } from '../../../api/meta/status-error.ts'
import { configMaps, deployments, pods, replicaSets, statefulSets } from '../../../api/resources.ts'
import type { Pod } from '../../../api/types.ts'
import type { RestClient } from '../../../client/rest/rest-client.ts'

export interface Meddling {
  readonly client: RestClient
  readonly namespace: string
  /** 0 to 1. */
  readonly random: () => number
}

type Act = () => Promise<unknown>

const between = (random: () => number, low: number, high: number): number =>
  low + Math.floor(random() * (high - low + 1))

const pick = <T>(random: () => number, items: readonly T[]): T | undefined => items[Math.floor(random() * items.length)]

const merge = { type: 'merge' } as const

/** What may be done to the Deployment `web` and the StatefulSet `numbered`. */
export const meddlingActs = ({ client, namespace, random }: Meddling): readonly Act[] => {
  const podsOf = async (app: string): Promise<Pod[]> =>
    (await client.list(pods, { namespace, labelSelector: `app=${app}` })).items.filter(
      ({ metadata }) => metadata?.deletionTimestamp === undefined,
    )
  const image = (): string => `none:${between(random, 1, 4)}`
  const withImage = () => ({ spec: { template: { spec: { containers: [{ name: 'c', image: image() }] } } } })
  const onPod = async (app: string, act: (name: string) => Promise<unknown>): Promise<void> => {
    const pod = pick(random, await podsOf(app))
    if (pod?.metadata?.name !== undefined) await act(pod.metadata.name)
  }
  return [
    () => client.patch(deployments, 'web', namespace, { spec: { replicas: between(random, 3, 14) } }, merge),
    () => client.patch(deployments, 'web', namespace, withImage(), { type: 'strategic' }),
    () => client.patch(statefulSets, 'numbered', namespace, { spec: { replicas: between(random, 2, 6) } }, merge),
    () => client.patch(statefulSets, 'numbered', namespace, withImage(), { type: 'strategic' }),
    () => onPod('web', (name) => client.delete(pods, name, namespace)),
    () => onPod('numbered', (name) => client.delete(pods, name, namespace)),
    // Released, and deleted by who took it away.
    () =>
      onPod('web', async (name) => {
        await client.patch(pods, name, namespace, { metadata: { labels: { app: 'stolen' } } }, merge)
      }),
    async () => {
      for (const { metadata } of await podsOf('stolen')) await client.delete(pods, metadata?.name ?? '', namespace)
    },
    // A ReplicaSet is the Deployment's business.
    async () => {
      const { items } = await client.list(replicaSets, { namespace, labelSelector: 'app=web' })
      const set = pick(random, items)
      const replicas = (set?.spec?.replicas ?? 0) + 3
      if (set !== undefined)
        await client.patch(replicaSets, set.metadata?.name ?? '', namespace, { spec: { replicas } }, merge)
    },
    // A status is the controller's.
    () =>
      client.patch(
        deployments,
        'web',
        namespace,
        { status: { replicas: 99, readyReplicas: 98 } },
        { ...merge, subresource: 'status' },
      ),
    () =>
      client.patch(
        statefulSets,
        'numbered',
        namespace,
        { status: { replicas: 77 } },
        { ...merge, subresource: 'status' },
      ),
  ]
}

/** Does one after the other until the signal; what is refused or has gone meanwhile is nobody's fault. */
export const meddle = async (acts: readonly Act[], random: () => number, signal: AbortSignal): Promise<number> => {
  let done = 0
  while (!signal.aborted) {
    try {
      await pick(random, acts)?.()
      done += 1
    } catch (error) {
      if (!isReason(error, 'NotFound', 'Conflict', 'Invalid', 'TooManyRequests')) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, between(random, 50, 350)))
  }
  return done
}

/** Evicts Pods of the app, one after the other; returns how many evictions were granted and refused. */
export const evictAll = async (
  { client, namespace, random }: Meddling,
  app: string,
  signal: AbortSignal,
): Promise<{ readonly granted: number; readonly refused: number }> => {
  let [granted, refused] = [0, 0]
  while (!signal.aborted) {
    const { items } = await client.list(pods, { namespace, labelSelector: `app=${app}` })
    const name = pick(random, items)?.metadata?.name
    if (name !== undefined) {
      const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } }
      try {
        await client.create(pods, eviction as Pod, { subresource: 'eviction', name })
        granted += 1
      } catch (error) {
        if (!isReason(error, 'TooManyRequests', 'NotFound', 'Conflict')) throw error
        refused += 1
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 60))
  }
  return { granted, refused }
}

export interface Owned {
  readonly owner: string
  readonly dependents: readonly string[]
}

/** ConfigMaps that own others. */
export const createOwned = async ({ client, namespace }: Meddling, count: number): Promise<Owned[]> => {
  const all: Owned[] = []
  for (let index = 0; index < count; index++) {
    const owner = `owner-${index}`
    const { metadata } = await client.create(configMaps, { metadata: { name: owner, namespace } })
    const ownerReferences = [
      { apiVersion: 'v1', kind: 'ConfigMap', name: owner, uid: metadata?.uid ?? '', blockOwnerDeletion: true },
    ]
    const dependents = [`${owner}-a`, `${owner}-b`]
    for (const name of dependents) await client.create(configMaps, { metadata: { name, namespace, ownerReferences } })
    all.push({ owner, dependents })
  }
  return all
}
