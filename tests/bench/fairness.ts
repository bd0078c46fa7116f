/**
 * `npm run bench:fairness`: what flow control costs a request, and what it is worth: the latency of one user's requests
 * while another floods the server, with it and without. Under two minutes. `--only=cost`, `--only=flood`.
 */
import { loadavg } from 'node:os'
import { type ControlPlane, startControlPlane } from '../../testing/control-plane.ts'
import { benchPod, podsPath } from './api.ts'
import { startFlood } from './flooding.ts'
import { concurrency, createLoadClient, type LoadClient } from './load-client.ts'
import { cpuMsOf } from './processes.ts'
import { measure, round, summarize, type Summary } from './statistics.ts'

const rounds = 5
const gets = 3_000
const creates = 1_000
const objects = 1_000
const connections = 200
const victimRequests = 200
/** Long enough that what a busy level borrows has its effect. */
const settleMs = 12_000

const argument = (name: string): string | undefined =>
  process.argv.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3)
const only = argument('only')
const say = (text: string): void => void process.stdout.write(`${text}\n`)
const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

const servers = {
  'plain limits': { 'enable-priority-and-fairness': false },
  fairness: {},
} as const

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0

interface Cost {
  readonly getCpuMs: number[]
  readonly createCpuMs: number[]
}

const costRound = async (plane: ControlPlane, load: LoadClient, round: number, cost: Cost): Promise<void> => {
  const pid = plane.pid('kube-apiserver') ?? 0
  const cpuOf = async (count: number, operation: (index: number) => Promise<unknown>): Promise<number> => {
    const before = cpuMsOf(pid)
    await measure(count, concurrency, operation)
    return (cpuMsOf(pid) - before) / count
  }
  const path = `${podsPath}/bench-0`
  cost.getCpuMs.push(await cpuOf(gets, () => load.send({ method: 'GET', path })))
  cost.createCpuMs.push(
    await cpuOf(creates, (i) => load.send({ method: 'POST', path: podsPath, body: benchPod(`cost-${round}-${i}`) })),
  )
}

/** Each server's median CPU milliseconds of a request; servers by turns, so that the machine is the same for both. */
const benchCost = async (user: 'admin' | 'alice'): Promise<Record<string, unknown>> => {
  const result: Record<string, unknown> = {}
  const open = await Promise.all(
    Object.entries(servers).map(async ([name, flags]) => {
      const plane = await startControlPlane({ flags: { 'kube-apiserver': flags } })
      const kubeconfig = user === 'admin' ? plane.kubeconfig : await equip(plane)
      const load = createLoadClient(kubeconfig)
      await load.send({ method: 'POST', path: podsPath, body: benchPod('bench-0') })
      await measure(500, concurrency, () => load.send({ method: 'GET', path: `${podsPath}/bench-0` }))
      return { name, plane, load, cost: { getCpuMs: [], createCpuMs: [] } as Cost }
    }),
  )
  try {
    for (let index = 0; index < rounds; index++) {
      for (const { plane, load, cost } of index % 2 === 0 ? open : open.toReversed()) {
        await costRound(plane, load, index, cost)
      }
    }
    for (const { name, cost } of open) {
      const [get, create] = [median(cost.getCpuMs), median(cost.createCpuMs)]
      result[name] = { getCpuMs: Math.round(get * 1e4) / 1e4, createCpuMs: Math.round(create * 1e4) / 1e4 }
      say(`${user.padEnd(6)} ${name.padEnd(13)} ${JSON.stringify(result[name])}`)
    }
  } finally {
    for (const { plane, load } of open) {
      await load[Symbol.asyncDispose]()
      await plane.stop()
    }
  }
  return result
}

/** A user who may do everything, and is no administrator; returns the kubeconfig. */
const equip = async (plane: ControlPlane, name = 'alice'): Promise<string> => {
  await using admin = createLoadClient(plane.kubeconfig)
  await admin.send({
    method: 'POST',
    path: '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
    body: {
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name }],
    },
  })
  return plane.addUser({ name })
}

interface Victim extends Summary {
  /** How many of its requests the server refused. */
  readonly refused: number
}

/** One request after the other: half of them reads, half writes. */
const victim = async (load: LoadClient): Promise<Victim> => {
  const latencies: number[] = []
  let refused = 0
  const startedAt = performance.now()
  for (let index = 0; index < victimRequests; index++) {
    const before = performance.now()
    const write = { method: 'POST', path: `${podsPath}?dryRun=All`, body: benchPod(`victim-${index}`) } as const
    const read = { method: 'GET', path: `${podsPath}/bench-0` } as const
    await load.send(index % 2 === 0 ? read : write).catch(() => refused++)
    latencies.push(performance.now() - before)
    await delay(10)
  }
  return { ...summarize(latencies, performance.now() - startedAt), refused }
}

const shown = ({ p50Ms, p99Ms, maxMs, refused }: Victim): string =>
  `p50 ${p50Ms} ms, p99 ${p99Ms} ms, max ${maxMs} ms${refused === 0 ? '' : `, ${refused} refused`}`

const benchFlood = async (name: string, flags: Readonly<Record<string, boolean>>): Promise<Record<string, unknown>> => {
  await using plane = await startControlPlane({ flags: { 'kube-apiserver': flags } })
  const [alice, mallory] = [await equip(plane), await equip(plane, 'mallory')]
  await using load = createLoadClient(alice)
  await measure(objects, concurrency, (index) =>
    load.send({ method: 'POST', path: podsPath, body: benchPod(`bench-${index}`) }),
  )
  const result: Record<string, unknown> = { none: await victim(load) }
  say(`${name}, no flood: ${shown(result['none'] as Victim)}`)
  for (const kind of ['get', 'create', 'list'] as const) {
    await using flood = await startFlood({ kubeconfig: mallory, kind, connections })
    const early = await victim(load)
    await delay(settleMs)
    const late = await victim(load)
    const answers = await flood.end()
    result[kind] = { early, late, answers }
    say(`${name}, flood of ${kind}: at first ${shown(early)}; later ${shown(late)}; flood: ${JSON.stringify(answers)}`)
  }
  return result
}

say(`Load average of this machine before: ${round(loadavg()[0] ?? 0)}`)
const result: Record<string, unknown> = {}
if (only !== 'flood') {
  result['cost of an exempt request'] = await benchCost('admin')
  result['cost of a limited request'] = await benchCost('alice')
}
if (only !== 'cost') for (const [name, flags] of Object.entries(servers)) result[name] = await benchFlood(name, flags)
say(JSON.stringify(result, undefined, 2))
