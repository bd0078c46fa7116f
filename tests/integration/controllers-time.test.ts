/**
 * What controllers do when time has passed: minutes, hours and years of it, by a clock that is put forward, against a
 * real API server whose clock is not.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { isReason } from '../../api/meta/status-error.ts'
import { microTime } from '../../api/meta/time.ts'
import { cronJobs, deployments, jobs, leases, nodes, pods, replicaSets, secrets } from '../../api/resources.ts'
import type { Job, KubeObject, Pod } from '../../api/types.ts'
import { createRestClient, type RestClient } from '../../client/rest/rest-client.ts'
import { TravelClock } from '../../client/testing/travel-clock.ts'
import { parseFlags } from '../../component-base/flags/flags.ts'
import { loadKubeconfig } from '../../component-base/kubeconfig.ts'
import { createLogger } from '../../component-base/logging/logger.ts'
import { createMetrics } from '../../component-base/metrics/metrics.ts'
import { selectControllers } from '../../controller-manager/controllers.ts'
import { runControllers } from '../../controller-manager/manager.ts'
import { createManagerMetrics } from '../../controller-manager/metrics.ts'
import { flags } from '../../controller-manager/options.ts'
import { type ControlPlane, startControlPlane } from '../../testing/control-plane.ts'
import { waitFor } from '../harness/wait.ts'

const namespace = 'default'
const second = 1_000
const minute = 60 * second
const hour = 60 * minute

const clock = new TravelClock()
/** Milliseconds until it is that minute of an hour again. */
const until = (ofHour: number): number => (ofHour * minute - (clock.now() % hour) + hour) % hour
const stop = new AbortController()
let plane: ControlPlane
let client: RestClient
/** Requests of the controllers that have not been answered, and how many there were. */
const requests = { open: 0, total: 0 }
let controllers: Promise<void>

const log = createLogger('controllers-time')
log.level = 'silent'

before(
  async () => {
    plane = await startControlPlane()
    const clientConfig = loadKubeconfig(plane.kubeconfig)
    client = createRestClient(clientConfig, { userAgent: 'controllers-time' })
    const ofControllers = counted(client)
    const { values: config } = parseFlags(flags, ['--controllers=*,tokencleaner'], { name: 'test', version: 'test' })
    const selected = selectControllers(config.controllers)
    const signal = stop.signal
    const metrics = createManagerMetrics(createMetrics('controllers-time'))
    controllers = runControllers(selected, { client: ofControllers, metrics, clientConfig, config, log, signal, clock })
  },
  { timeout: 60_000 },
)
after(async () => {
  stop.abort()
  try {
    await controllers
  } finally {
    await plane?.[Symbol.asyncDispose]()
  }
})

/** The client as the controllers get it: watches are left out, since they never end. */
const counted = (plain: RestClient): RestClient => {
  const wrap = <A extends readonly unknown[], R>(call: (...args: A) => Promise<R>) => {
    return async (...args: A): Promise<R> => {
      requests.open += 1
      requests.total += 1
      try {
        return await call(...args)
      } finally {
        requests.open -= 1
      }
    }
  }
  const { get, list, create, update, patch, delete: remove, deleteCollection } = plain
  const calls = { get, list, create, update, patch, delete: remove, deleteCollection }
  const wrapped = Object.entries(calls).map(([name, call]) => [
    name,
    wrap(call as (...args: unknown[]) => Promise<unknown>),
  ])
  return { ...plain, ...(Object.fromEntries(wrapped) as typeof calls) }
}

/** Puts the clock forward once no controller is at work: what it does in between would count from the wrong time. */
const travel = async (ms: number): Promise<void> => {
  const quietRounds = 4
  let quiet = 0
  let last = ''
  await waitFor(
    () => {
      const now = `${requests.total} ${clock.armed}`
      quiet = requests.open === 0 && now === last ? quiet + 1 : 0
      last = now
      return quiet >= quietRounds
    },
    { what: 'the controllers to rest' },
  )
  clock.travel(ms)
}

const template = (labels: Record<string, string>) => ({
  metadata: { labels },
  spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'none:1' }] },
})
const setPodStatus = (pod: Pod, status: object): Promise<KubeObject> =>
  client.patch(pods, pod.metadata?.name ?? '', namespace, { status }, { type: 'merge', subresource: 'status' })
const podsOf = async (labelSelector: string): Promise<Pod[]> =>
  (await client.list(pods, { namespace, labelSelector })).items
const isGone = (call: Promise<unknown>): Promise<boolean> =>
  call.then(
    () => false,
    (error: unknown) => isReason(error, 'NotFound'),
  )
const conditionOf = (
  object: { status?: { conditions?: readonly { type: string; status: string; reason?: string }[] } },
  type: string,
) => object.status?.conditions?.find((condition) => condition.type === type)

describe('time', () => {
  it('starts the Jobs of a CronJob, each at its minute and once', async () => {
    await client.create(cronJobs, {
      metadata: { name: 'hourly', namespace },
      spec: {
        schedule: '0 * * * *',
        timeZone: 'Etc/UTC',
        jobTemplate: { spec: { template: template({ of: 'hourly' }) } },
      },
    })
    const started = async () =>
      (await client.list(jobs, { namespace })).items.filter(({ metadata }) => metadata?.name?.startsWith('hourly-'))
    assert.equal((await started()).length, 0)
    for (const count of [1, 2]) {
      await travel(hour)
      await waitFor(async () => (await started()).length === count, { what: `${count} Jobs` })
    }
    const minutes = (await started()).map(({ metadata }) => Number(metadata?.name?.slice('hourly-'.length)))
    assert.ok(minutes.every((one) => one % 60 === 0))
    const isTold = async (): Promise<boolean> => {
      const { status } = await client.get(cronJobs, 'hourly', namespace)
      return Date.parse(String(status?.lastScheduleTime)) === Math.max(...minutes) * minute
    }
    await waitFor(isTold, { what: 'the time of the last start' })
    await client.delete(cronJobs, 'hourly', namespace)
  })

  it('leaves a start alone that is missed by more than its deadline', async () => {
    // Suspended meanwhile: nobody could start it in time.
    await client.create(cronJobs, {
      metadata: { name: 'strict', namespace },
      spec: {
        schedule: '30 * * * *',
        timeZone: 'Etc/UTC',
        suspend: true,
        startingDeadlineSeconds: 60,
        jobTemplate: { spec: { template: template({ of: 'strict' }) } },
      },
    })
    // Past the start, and past its deadline.
    await travel(until(30) + 15 * minute)
    await client.patch(cronJobs, 'strict', namespace, { spec: { suspend: false } }, { type: 'merge' })
    await waitFor(async () => (await client.get(cronJobs, 'strict', namespace)).spec?.suspend === false, {
      what: 'its resumption',
    })
    await travel(until(30) - 10 * second)
    const started = async () =>
      (await client.list(jobs, { namespace })).items.filter(({ metadata }) => metadata?.name?.startsWith('strict-'))
    assert.equal((await started()).length, 0)
    await travel(20 * second)
    await waitFor(async () => (await started()).length === 1, { what: 'the Job in time' })
    await client.delete(cronJobs, 'strict', namespace)
  })

  const createJob = (name: string, spec: Partial<NonNullable<Job['spec']>>): Promise<Job> =>
    client.create(jobs, { metadata: { name, namespace }, spec: { template: template({ of: name }), ...spec } })

  it('ends a Job at its deadline, and removes it when its time after that is over', async () => {
    await createJob('deadline', { activeDeadlineSeconds: 600, ttlSecondsAfterFinished: 3600 })
    await waitFor(async () => (await podsOf('of=deadline')).length === 1, { what: 'its Pod' })
    await travel(590 * second)
    assert.equal(conditionOf(await client.get(jobs, 'deadline', namespace), 'Failed'), undefined)
    await travel(20 * second)
    const failed = await waitFor(async () => conditionOf(await client.get(jobs, 'deadline', namespace), 'Failed'), {
      what: 'the end of the Job',
    })
    assert.equal(failed.reason, 'DeadlineExceeded')
    await travel(50 * minute)
    assert.ok(!(await isGone(client.get(jobs, 'deadline', namespace))))
    await travel(15 * minute)
    await waitFor(() => isGone(client.get(jobs, 'deadline', namespace)), { what: 'the removal of the Job' })
  })

  it('waits longer after each failure of a Job', async () => {
    await createJob('failing', { backoffLimit: 6 })
    const live = async () => (await podsOf('of=failing')).find(({ status }) => status?.phase === 'Pending')
    for (const waitMs of [10 * second, 20 * second, 40 * second]) {
      const pod = await waitFor(live, { what: 'a Pod' })
      const finishedAt = `${new Date(clock.now()).toISOString().slice(0, 19)}Z`
      const terminated = { exitCode: 1, finishedAt, startedAt: finishedAt, reason: 'Error' }
      const containerStatuses = [
        { name: 'c', ready: false, restartCount: 0, image: '', imageID: '', state: { terminated } },
      ]
      await setPodStatus(pod, { phase: 'Failed', containerStatuses })
      await waitFor(
        async () =>
          ((await client.get(jobs, 'failing', namespace)).status?.failed ?? 0) > 0 && (await live()) === undefined,
        { what: 'the failure to be counted' },
      )
      await travel(waitMs - 5 * second)
      assert.equal(await live(), undefined)
      await travel(6 * second)
    }
    await waitFor(live, { what: 'the next Pod' })
    await client.delete(jobs, 'failing', namespace, { propagationPolicy: 'Background' })
  })

  const createDeployment = (name: string, spec: object) =>
    client.create(deployments, {
      metadata: { name, namespace },
      spec: {
        replicas: 1,
        selector: { matchLabels: { of: name } },
        template: { metadata: { labels: { of: name } }, spec: { containers: [{ name: 'c', image: 'none:1' }] } },
        ...spec,
      },
    })

  it('says of a rollout without progress that it has failed, and of one that gets on that it has not', async () => {
    await createDeployment('stuck', { progressDeadlineSeconds: 600 })
    const progress = async () => conditionOf(await client.get(deployments, 'stuck', namespace), 'Progressing')
    // The last step for a long time: the deadline counts from it.
    await waitFor(async () => (await client.get(deployments, 'stuck', namespace)).status?.updatedReplicas === 1, {
      what: 'its Pod to be counted',
    })
    await travel(5 * minute)
    assert.equal((await progress())?.status, 'True')
    await travel(6 * minute)
    await waitFor(async () => (await progress())?.reason === 'ProgressDeadlineExceeded', { what: 'the deadline' })
    const [pod] = await podsOf('of=stuck')
    assert.ok(pod)
    await setPodStatus(pod, { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] })
    await waitFor(async () => (await progress())?.reason === 'NewReplicaSetAvailable', { what: 'the end of it' })
  })

  it('makes a Pod available after it was ready for long enough', async () => {
    await createDeployment('slow', { minReadySeconds: 300 })
    const [pod] = await waitFor(
      async () => {
        const found = await podsOf('of=slow')
        return found.length === 1 ? found : undefined
      },
      { what: 'its Pod' },
    )
    assert.ok(pod)
    const lastTransitionTime = `${new Date(clock.now()).toISOString().slice(0, 19)}Z`
    await setPodStatus(pod, { phase: 'Running', conditions: [{ type: 'Ready', status: 'True', lastTransitionTime }] })
    const status = async () =>
      (await client.list(replicaSets, { namespace, labelSelector: 'of=slow' })).items[0]?.status
    await waitFor(async () => (await status())?.readyReplicas === 1, { what: 'readiness' })
    await travel(290 * second)
    assert.equal((await status())?.availableReplicas ?? 0, 0)
    await travel(11 * second)
    await waitFor(async () => (await status())?.availableReplicas === 1, { what: 'availability' })
  })

  it('takes a silent Node for lost, and its Pods away after their tolerations', async () => {
    const ready = (type: string) => ({ type, status: type === 'Ready' ? 'True' : 'False', reason: 'Kubelet' })
    for (const name of ['silent', 'alive']) {
      await client.create(nodes, { metadata: { name } })
      const status = { conditions: ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'].map(ready) }
      await client.patch(nodes, name, undefined, { status }, { type: 'merge', subresource: 'status' })
      const spec = { holderIdentity: name, leaseDurationSeconds: 40, renewTime: microTime(Date.now()) }
      await client.create(leases, { metadata: { name, namespace: 'kube-node-lease' }, spec })
    }
    const toleration = (key: string) => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 })
    await client.create(pods, {
      metadata: { name: 'tolerant', namespace },
      spec: {
        nodeName: 'silent',
        terminationGracePeriodSeconds: 0,
        containers: [{ name: 'c', image: 'none:1' }],
        tolerations: [toleration('node.kubernetes.io/unreachable'), toleration('node.kubernetes.io/not-ready')],
      },
    })
    const readyOf = async (name: string) => conditionOf(await client.get(nodes, name), 'Ready')?.status
    const renew = async (): Promise<void> => {
      const spec = { renewTime: microTime(clock.now()) }
      await client.patch(leases, 'alive', 'kube-node-lease', { spec }, { type: 'merge' })
    }
    await waitFor(async () => (await client.get(nodes, 'alive')).spec?.taints === undefined, { what: 'a Node in use' })
    for (let step = 0; step < 2; step++) {
      await travel(30 * second)
      await renew()
    }
    await waitFor(async () => (await readyOf('silent')) === 'Unknown', { what: 'the loss to be noticed' })
    assert.equal(await readyOf('alive'), 'True')
    const isTainted = async () =>
      (await client.get(nodes, 'silent')).spec?.taints?.some(
        ({ key, effect }) => key === 'node.kubernetes.io/unreachable' && effect === 'NoExecute',
      )
    await waitFor(isTainted, { what: 'the taint' })
    const tolerant = () => client.get(pods, 'tolerant', namespace)
    const isLeaving = async () =>
      (await isGone(tolerant())) || (await tolerant()).metadata?.deletionTimestamp !== undefined
    await travel(280 * second)
    await renew()
    assert.ok(!(await isLeaving()))
    await travel(30 * second)
    await waitFor(isLeaving, { what: 'the eviction' })
  })

  it('removes bootstrap tokens when they are over', async () => {
    const expiration = `${new Date(clock.now() + hour).toISOString().slice(0, 19)}Z`
    await client.create(secrets, {
      metadata: { name: 'bootstrap-token-abcdef', namespace: 'kube-system' },
      type: 'bootstrap.kubernetes.io/token',
      stringData: { 'token-id': 'abcdef', 'token-secret': '0123456789abcdef', expiration },
    })
    await travel(50 * minute)
    const token = () => client.get(secrets, 'bootstrap-token-abcdef', 'kube-system')
    assert.ok(!(await isGone(token())))
    await travel(11 * minute)
    await waitFor(() => isGone(token()), { what: 'the removal of the token' })
  })
})
