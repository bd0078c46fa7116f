/**
 * Controllers under attack: their leader is killed and frozen while people work on the same objects, and an independent
 * watcher looks on. Nodes are hollow, so nothing runs in containers. About a minute and a half.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { isReason } from '../../api/meta/status-error.ts'
import {
  configMaps,
  daemonSets,
  deployments,
  jobs,
  namespaces,
  podDisruptionBudgets,
  pods,
  replicaSets,
  statefulSets,
} from '../../api/resources.ts'
import type { KubeObject } from '../../api/types.ts'
import type { RestClient } from '../../client/rest/rest-client.ts'
import { runSeed, seededRandom } from '../harness/seeded-random.ts'
import { startCluster, type TestCluster } from '../harness/cluster.ts'
import { waitFor } from '../harness/wait.ts'
import { type HollowNodes, startHollowNodes } from './controllers/hollow-kubelet.ts'
import { type Invariants, watchInvariants } from './controllers/invariants.ts'
import { type Managers, startManagers } from './controllers/managers.ts'
import { createOwned, evictAll, meddle, meddlingActs, type Owned } from './controllers/meddlers.ts'

const namespace = 'chaos'
const nodeNames = ['hollow-1', 'hollow-2', 'hollow-3']
const rounds = 9
/** Longer than an excess may last: in some rounds the leader has no excuse. */
const quietMs = 14_000
const frozenMs = 4_500
const seed = runSeed()

const stop = new AbortController()
let cluster: TestCluster
let client: RestClient
let hollow: HollowNodes
let managers: Managers
let invariants: Invariants

const template = (app: string, more: object = {}) => ({
  metadata: { labels: { app } },
  spec: { terminationGracePeriodSeconds: 1, containers: [{ name: 'c', image: 'none:1' }], ...more },
})
const jobTemplate = (labels: Record<string, string> = {}) => ({
  metadata: { labels },
  spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'none:1' }] },
})
const selector = (app: string) => ({ matchLabels: { app } })
const named = (name: string) => ({ name, namespace })

before(
  async () => {
    cluster = await startCluster({
      extraArgs: { 'kube-controller-manager': { controllers: 'token-cleaner-controller' } },
    })
    client = cluster.client
    managers = await startManagers(cluster, {
      controllers: '*',
      'leader-elect-resource-name': 'chaos-controllers',
      'leader-elect-lease-duration': '3s',
      'leader-elect-renew-deadline': '2s',
      'leader-elect-retry-period': '500ms',
      'secure-port': '0',
    })
    await client.create(namespaces, { metadata: { name: namespace } })
    hollow = await startHollowNodes(client, nodeNames, stop.signal)
    invariants = await watchInvariants(client, namespace, stop.signal)
  },
  { timeout: 120_000 },
)
after(
  async () => {
    stop.abort()
    await Promise.allSettled([hollow?.finished, invariants?.finished])
    await managers?.[Symbol.asyncDispose]()
    await cluster?.[Symbol.asyncDispose]()
  },
  { timeout: 60_000 },
)

const createWorkloads = async (): Promise<void> => {
  await client.create(deployments, {
    metadata: named('web'),
    spec: {
      replicas: 8,
      selector: selector('web'),
      template: template('web'),
      strategy: { rollingUpdate: { maxSurge: 2, maxUnavailable: 1 } },
    },
  })
  await client.create(deployments, {
    metadata: named('guarded'),
    spec: { replicas: 6, selector: selector('guarded'), template: template('guarded') },
  })
  await client.create(podDisruptionBudgets, {
    metadata: named('guarded'),
    spec: { minAvailable: 4, selector: selector('guarded') },
  })
  await client.create(statefulSets, {
    metadata: named('numbered'),
    spec: { serviceName: 'numbered', replicas: 4, selector: selector('numbered'), template: template('numbered') },
  })
  await client.create(daemonSets, {
    metadata: named('everywhere'),
    spec: { selector: selector('everywhere'), template: template('everywhere') },
  })
  await client.create(jobs, {
    metadata: named('many'),
    spec: { completions: 60, parallelism: 3, backoffLimit: 100, template: jobTemplate() },
  })
  await client.create(jobs, {
    metadata: named('indexed'),
    spec: { completions: 40, parallelism: 3, completionMode: 'Indexed', backoffLimit: 100, template: jobTemplate() },
  })
  await client.create(jobs, {
    metadata: named('failing'),
    spec: { completions: 5, parallelism: 2, backoffLimit: 100, template: jobTemplate({ 'chaos/fails': 'yes' }) },
  })
}

let revisionHistoryLimit = 10
/** Resolves when the leader has seen, and answered, a change that is made now. */
const leaderWorks = async (): Promise<void> => {
  revisionHistoryLimit += 1
  const body = { spec: { revisionHistoryLimit } }
  const { metadata } = await client.patch(deployments, 'guarded', namespace, body, { type: 'merge' })
  await waitFor(
    async () => {
      const { status } = await client.get(deployments, 'guarded', namespace)
      return (status?.observedGeneration ?? 0) >= (metadata?.generation ?? 0)
    },
    { what: 'the leader to work', timeoutMs: 60_000 },
  )
}

const readyPods = async (app: string, count: number): Promise<boolean> => {
  const { items } = await client.list(pods, { namespace, labelSelector: `app=${app}` })
  const ready = items.filter(
    ({ metadata, status }) =>
      metadata?.deletionTimestamp === undefined &&
      status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True'),
  )
  return items.length === count && ready.length === count
}
const isGone = (call: Promise<KubeObject>): Promise<boolean> =>
  call.then(
    () => false,
    (error: unknown) => isReason(error, 'NotFound'),
  )

describe('controllers whose leader is killed and frozen, beside people who work on the same objects', () => {
  let owned: Owned[]
  const deleted = new Map<string, 'Background' | 'Foreground' | 'Orphan'>()
  let evictions = { granted: 0, refused: 0 }

  it('keep their promises all the time', { timeout: 240_000 }, async (t) => {
    t.diagnostic(`KUBETS_SEED=${seed}`)
    const random = seededRandom(seed).next
    const meddling = { client, namespace, random }
    await createWorkloads()
    owned = await createOwned(meddling, 24)
    await waitFor(() => readyPods('guarded', 6), { what: 'the guarded Pods', timeoutMs: 60_000 })
    invariants.guard({ app: 'guarded', minAvailable: 4 })
    const chaos = new AbortController()
    const meddlers = [
      meddle(meddlingActs(meddling), random, chaos.signal),
      evictAll(meddling, 'guarded', chaos.signal),
    ] as const
    try {
      for (let round = 0; round < rounds; round++) {
        const policies = ['Background', 'Foreground', 'Orphan'] as const
        const victim = owned[round]
        const propagationPolicy = policies[round % policies.length] ?? 'Background'
        if (victim !== undefined) {
          deleted.set(victim.owner, propagationPolicy)
          invariants.mayGo(victim.owner)
          if (propagationPolicy !== 'Orphan') victim.dependents.forEach(invariants.mayGo)
          await client.delete(configMaps, victim.owner, namespace, { propagationPolicy })
        }
        invariants.setLed(false)
        await (round % 3 === 2 ? managers.freezeLeader(frozenMs) : managers.killLeader())
        // The next leader is killed at its first steps, or works for a while.
        if (round % 3 === 0) continue
        await leaderWorks()
        invariants.setLed(true)
        await new Promise((resolve) => setTimeout(resolve, round === 2 || round === 7 ? quietMs : random() * 2_000))
      }
    } finally {
      chaos.abort()
      const [, evicted] = await Promise.all(meddlers)
      evictions = evicted
    }
    t.diagnostic(
      `${managers.changes()} changes of leader, ${evictions.granted} evictions granted, ${evictions.refused} refused`,
    )
    assert.deepEqual(invariants.violations, [])
  })

  it('come to rest where people wanted them to', { timeout: 120_000 }, async () => {
    await leaderWorks()
    invariants.setLed(true)
    for (const name of ['web', 'guarded']) {
      await waitFor(
        async () => {
          const { spec, status } = await client.get(deployments, name, namespace)
          const wanted = spec?.replicas ?? 0
          const told =
            status?.replicas === wanted && status.updatedReplicas === wanted && status.availableReplicas === wanted
          return told && readyPods(name, wanted)
        },
        { what: `Deployment ${name}`, timeoutMs: 60_000 },
      )
    }
    await waitFor(
      async () => {
        const { spec, status } = await client.get(statefulSets, 'numbered', namespace)
        const told = status?.replicas === spec?.replicas && status?.updatedReplicas === spec?.replicas
        return told && readyPods('numbered', spec?.replicas ?? 0)
      },
      { what: 'the StatefulSet', timeoutMs: 60_000 },
    )
    await waitFor(() => readyPods('everywhere', nodeNames.length), { what: 'the DaemonSet' })
  })

  it('count each success of a Job once', { timeout: 150_000 }, async () => {
    for (const name of ['many', 'indexed', 'failing']) {
      const job = await waitFor(
        async () => {
          const found = await client.get(jobs, name, namespace)
          const ended = found.status?.conditions?.find(({ type, status }) => type === 'Complete' && status === 'True')
          return ended === undefined ? undefined : found
        },
        { what: `Job ${name}`, timeoutMs: 120_000 },
      )
      assert.equal(job.status?.succeeded, job.spec?.completions)
      if (name === 'indexed') assert.equal(job.status?.completedIndexes, '0-39')
      // Every success that anybody has seen is one that was counted; an index may have had two.
      else assert.equal(invariants.succeeded(name).size, job.status?.succeeded)
      const { items } = await client.list(pods, { namespace, labelSelector: `batch.kubernetes.io/job-name=${name}` })
      assert.ok(items.every(({ metadata }) => (metadata?.finalizers ?? []).length === 0))
    }
  })

  it('leave no garbage, and nothing without an owner that has one', { timeout: 60_000 }, async () => {
    for (const { owner, dependents } of owned) {
      const policy = deleted.get(owner)
      if (policy !== undefined) {
        await waitFor(() => isGone(client.get(configMaps, owner, namespace)), { what: `the end of ${owner}` })
      }
      for (const name of dependents) {
        const get = () => client.get(configMaps, name, namespace)
        if (policy === undefined) assert.equal((await get()).metadata?.ownerReferences?.length, 1)
        else if (policy === 'Orphan') assert.equal((await get()).metadata?.ownerReferences, undefined)
        else await waitFor(() => isGone(get()), { what: `the end of ${name}` })
      }
    }
    await client.delete(deployments, 'web', namespace)
    await client.delete(statefulSets, 'numbered', namespace, { propagationPolicy: 'Foreground' })
    for (const app of ['web', 'numbered']) {
      await waitFor(() => readyPods(app, 0), { what: `the end of ${app}` })
      const { items } = await client.list(replicaSets, { namespace, labelSelector: `app=${app}` })
      assert.deepEqual(items, [])
    }
    assert.deepEqual(invariants.violations, [])
  })

  it('let Pods be evicted, and no more than the budget allows', () => {
    assert.ok(evictions.granted > 0)
    assert.ok(evictions.refused > 0)
  })
})
