/**
 * `npm run bench:kubelet`: what a kubelet adds to its engine. A Pod from its creation to Running against the same Docker
 * calls by themselves; a container's end from the engine to the API server; memory and idle CPU with many Pods.
 * `--pods=N` takes another number than 100.
 */
import { loadavg } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import Docker from 'dockerode'
import { pods as podsRef } from '../../api/resources.ts'
import type { Pod } from '../../api/types.ts'
import { removeCgroups } from '../../deploy/cleanup.ts'
import { running as processOf } from '../../deploy/process-table.ts'
import { defaultPauseImage } from '../../kubelet/runtime/docker/pause-image.ts'
import { startCluster, type TestCluster } from '../harness/cluster.ts'
import { busyboxImage, ensureTestImages } from '../harness/images.ts'
import { cpuMsOf, memoryOf } from './processes.ts'
import { measure, round, type Summary } from './statistics.ts'

const argument = (name: string): string | undefined =>
  process.argv.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3)
const podCount = Number(argument('pods') ?? 100)
const samples = 15
const memoryAt = 50
const idleMs = 20_000
const namespace = 'default'
const command = ['sleep', '100000']
const docker = new Docker()
const cgroupParent = '/kubets/bench/pod'

const say = (text: string): void => void process.stdout.write(`${text}\n`)

/** What a kubelet asks of Docker for a Pod of one container, and nothing besides. */
const startByDocker = async (): Promise<Docker.Container[]> => {
  const sandbox = await docker.createContainer({
    Image: defaultPauseImage,
    NetworkDisabled: true,
    HostConfig: { NetworkMode: 'none', IpcMode: 'shareable', CgroupParent: cgroupParent },
  })
  await sandbox.start()
  const container = await docker.createContainer({
    Image: busyboxImage,
    Entrypoint: command,
    HostConfig: {
      NetworkMode: `container:${sandbox.id}`,
      IpcMode: `container:${sandbox.id}`,
      CgroupParent: cgroupParent,
    },
  })
  await container.start()
  return [container, sandbox]
}

const benchDocker = async (): Promise<Summary> => {
  const made: Docker.Container[] = []
  made.push(...(await startByDocker()))
  const summary = await measure(samples, 1, async () => void made.push(...(await startByDocker())))
  for (const container of made) await container.remove({ force: true, v: true })
  removeCgroups('bench')
  return summary
}

interface Waiter {
  readonly is: (pod: Pod) => boolean
  readonly resolve: () => void
}

const benchCluster = async (cluster: TestCluster) => {
  const { client } = cluster
  const [node] = cluster.nodes()
  const abort = new AbortController()
  const waiters = new Map<string, Waiter>()
  const follow = async (): Promise<void> => {
    for await (const { object } of client.watch(podsRef, { namespace, resourceVersion: '0' }, abort.signal)) {
      const name = object.metadata?.name ?? ''
      const waiter = waiters.get(name)
      if (waiter?.is(object) === true) {
        waiters.delete(name)
        waiter.resolve()
      }
    }
  }
  const following = follow().catch(() => undefined)
  const seen = (name: string, is: Waiter['is']): Promise<void> =>
    new Promise((resolve) => waiters.set(name, { is, resolve }))
  const isRunning = ({ status }: Pod): boolean => status?.phase === 'Running'

  const start = async (name: string): Promise<void> => {
    const running = seen(name, isRunning)
    const spec = {
      nodeName: node?.name,
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'c', image: busyboxImage, command }],
    }
    await client.create(podsRef, { metadata: { name, namespace }, spec } as Pod)
    await running
  }

  /** From the engine's answer that the container has ended to a watch that tells it. */
  const end = async (name: string): Promise<number> => {
    const { status } = await client.get(podsRef, name, namespace)
    const id = status?.containerStatuses?.[0]?.containerID?.replace('docker://', '') ?? ''
    const ended = seen(name, (pod) => pod.status?.containerStatuses?.[0]?.state?.terminated !== undefined)
    await docker.getContainer(id).kill()
    const killedAt = performance.now()
    await ended
    return performance.now() - killedAt
  }

  await start('first')
  const starts = await measure(samples, 1, (index) => start(`start-${index}`))
  const latencies: number[] = []
  for (let index = 0; index < samples; index++) latencies.push(await end(`start-${index}`))
  latencies.sort((a, b) => a - b)

  const pid = processOf(cluster.layout.run, `${node?.name ?? ''}-kubelet`)?.pid ?? 0
  let memoryMiB = 0
  let started = 0
  const fill = async (until: number): Promise<void> => {
    const names = Array.from({ length: until - started }, (_none, index) => `many-${started + index}`)
    started = until
    await measure(names.length, 4, (index) => start(names[index] ?? ''))
  }
  await fill(Math.min(memoryAt, podCount))
  await delay(5000)
  memoryMiB = memoryOf(pid).pssMiB
  await fill(podCount)
  await delay(10_000)
  const before = cpuMsOf(pid)
  await delay(idleMs)
  const idlePercent = round(((cpuMsOf(pid) - before) * 100) / idleMs)
  abort.abort()
  await following
  return { starts, statusMs: round(latencies[Math.floor(samples / 2)] ?? 0), memoryMiB, idlePercent }
}

ensureTestImages()
await using cluster = await startCluster({ nodes: 1, kubelet: { maxPods: podCount + 50 } })
const load = round(loadavg()[0] ?? 0)
const { starts, statusMs, memoryMiB, idlePercent } = await benchCluster(cluster)
const byDocker = await benchDocker()
say(`load average ${load}`)
say(`the Docker calls of a Pod   p50 ${byDocker.p50Ms} ms, p99 ${byDocker.p99Ms} ms`)
say(
  `a Pod to Running            p50 ${starts.p50Ms} ms, p99 ${starts.p99Ms} ms: ${round(starts.p50Ms / byDocker.p50Ms)} times that`,
)
say(`an end seen by a watch      p50 ${statusMs} ms after the engine's answer`)
say(`memory with ${Math.min(memoryAt, podCount)} Pods         ${memoryMiB} MiB (PSS)`)
say(`idle CPU with ${podCount} Pods      ${idlePercent} % of a core`)
