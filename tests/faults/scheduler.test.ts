/** kill -9 of the scheduler at any instant, and a change of leader: no Pod is lost, bound twice, or too many on a node. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { pods as podsRef } from '../../api/resources.ts'
import type { Pod } from '../../api/types.ts'
import { createInformer } from '../../client/cache/informer.ts'
import { projectRoot } from '../../deploy/layout.ts'
import { running as runningProcess } from '../../deploy/process-table.ts'
import { makeHollowNode } from '../harness/hollow-nodes.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { waitFor } from '../harness/wait.ts'

const namespace = 'default'
const nodeCount = 20
const podsPerNode = 10
const shortLease = {
  'leader-elect-lease-duration': '3s',
  'leader-elect-renew-deadline': '2s',
  'leader-elect-retry-period': '500ms',
}

/** Looks at every Pod all the time, independently of what the scheduler believes. */
class Watcher {
  readonly #nodeOf = new Map<string, string>()
  readonly violations: string[] = []

  readonly onPod = (pod: Pod): void => {
    const uid = pod.metadata?.uid ?? ''
    const node = pod.spec?.nodeName ?? ''
    const before = this.#nodeOf.get(uid) ?? ''
    if (before !== '' && before !== node) this.violations.push(`${pod.metadata?.name} went from ${before} to ${node}`)
    if (node === '' || before === node) return
    this.#nodeOf.set(uid, node)
    const there = [...this.#nodeOf.values()].filter((name) => name === node).length
    if (there > podsPerNode) this.violations.push(`${node} has ${there} Pods`)
  }

  get bound(): number {
    return this.#nodeOf.size
  }
}

const running = useCluster({ extraArgs: { 'kube-scheduler': shortLease } })
const stop = new AbortController()
const watcher = new Watcher()
let second: ChildProcess | undefined

const create = (name: string): Promise<Pod> =>
  running().client.create(podsRef, {
    metadata: { name, namespace },
    spec: { containers: [{ name: 'app', image: 'none', resources: { requests: { cpu: '100m' } } }] },
  })

const killScheduler = (): void => {
  const record = runningProcess(running().layout.run, 'kube-scheduler')
  if (record !== undefined) process.kill(record.pid, 'SIGKILL')
}

const whenBound = (count: number): Promise<unknown> =>
  waitFor(() => watcher.bound === count, { what: `${count} Pods to be bound`, timeoutMs: 120_000 })

describe('a scheduler that is killed', () => {
  before(async () => {
    const { client } = running()
    await Promise.all(
      Array.from({ length: nodeCount }, (_, index) =>
        makeHollowNode(client, `hollow-${index}`, { allocatable: { pods: String(podsPerNode) } }),
      ),
    )
    const informer = createInformer(client, podsRef, { namespace })
    informer.addHandler({ onAdd: watcher.onPod, onUpdate: (_old, pod) => watcher.onPod(pod) })
    void informer.start(stop.signal).catch(() => undefined)
    await informer.whenSynced()
  })
  after(() => {
    stop.abort()
    second?.kill('SIGKILL')
  })

  it('loses no Pod and binds none twice', { timeout: 180_000 }, async () => {
    for (let round = 0; round < 3; round++) {
      const target = watcher.bound + 5
      const made = Array.from({ length: 40 }, (_, index) => create(`killed-${round}-${index}`))
      // In the middle of binding them.
      await waitFor(() => watcher.bound >= target, { what: 'some Pods to be bound', timeoutMs: 60_000 })
      killScheduler()
      await Promise.all(made)
    }
    await whenBound(120)
    assert.deepEqual(watcher.violations, [])
  })

  it('is followed by another one that waited to lead', { timeout: 180_000 }, async () => {
    const { layout } = running()
    const flags = Object.entries(shortLease).map(([flag, value]) => `--${flag}=${value}`)
    const main = join(projectRoot, 'scheduler/main.ts')
    second = spawn(process.execPath, [main, `--kubeconfig=${layout.schedulerConf}`, '--secure-port=0', ...flags], {
      stdio: 'ignore',
    })
    for (let round = 0; round < 2; round++) {
      const target = watcher.bound + 5
      const made = Array.from({ length: 30 }, (_, index) => create(`followed-${round}-${index}`))
      await waitFor(() => watcher.bound >= target, { what: 'some Pods to be bound', timeoutMs: 60_000 })
      killScheduler()
      await Promise.all(made)
    }
    await whenBound(180)
    assert.deepEqual(watcher.violations, [])
  })

  it('fills the nodes to the last place and no further', { timeout: 120_000 }, async () => {
    await Promise.all(Array.from({ length: 25 }, (_, index) => create(`last-${index}`)))
    await whenBound(nodeCount * podsPerNode)
    const { items } = await running().client.list(podsRef, { namespace })
    const isWaiting = ({ spec, status }: Pod): boolean =>
      (spec?.nodeName ?? '') === '' && (status?.conditions ?? []).some(({ reason }) => reason === 'Unschedulable')
    await waitFor(
      async () =>
        (await running().client.list(podsRef, { namespace })).items.filter(isWaiting).length ===
        items.length - nodeCount * podsPerNode,
      { what: 'the rest to be told that there is no room' },
    )
    assert.deepEqual(watcher.violations, [])
  })
})
