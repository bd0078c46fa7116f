/** A kubelet that is killed again and again while Pods start, run, change and stop: nobody is doubled, lost or restarted. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { pods as podsRef } from '../../api/resources.ts'
import type { Pod } from '../../api/types.ts'
import { busyboxImage, ensureTestImages } from '../harness/images.ts'
import { killKubelet } from '../harness/kill.ts'
import { runSeed, seededRandom } from '../harness/seeded-random.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { waitFor } from '../harness/wait.ts'

const namespace = 'default'
ensureTestImages()
const running = useCluster({ nodes: 1 })
const kills = 8
const podsARound = 3

const nodeName = (): string => running().nodes()[0]?.name ?? ''

/** Every start of a container leaves a line with its host name in a folder of the node. */
const create = async (name: string, starts: string): Promise<void> => {
  const script = `echo start >> /starts/${name}; trap 'exit 0' TERM; while :; do sleep 0.1; done`
  const spec = {
    terminationGracePeriodSeconds: 5,
    automountServiceAccountToken: false,
    initContainers: [
      {
        name: 'init',
        image: busyboxImage,
        command: ['sh', '-c', 'echo init >> /data/x'],
        volumeMounts: [{ name: 'data', mountPath: '/data' }],
      },
    ],
    containers: [
      {
        name: 'c',
        image: busyboxImage,
        command: ['sh', '-c', script],
        volumeMounts: [
          { name: 'starts', mountPath: '/starts' },
          { name: 'data', mountPath: '/data' },
        ],
      },
    ],
    volumes: [
      { name: 'starts', hostPath: { path: starts } },
      { name: 'data', emptyDir: { medium: 'Memory' } },
    ],
  }
  await running().client.create(podsRef, { metadata: { name, namespace, labels: { round: '0' } }, spec } as Pod)
}

/** What the engine has of this node's Pods: `<pod>/<container>` of each container, sandboxes as `POD`. */
const onEngine = (): string[] => {
  const root = running().layout.node(nodeName()).kubeletRoot
  const format = '{{.Label "io.kubernetes.pod.name"}}/{{.Label "io.kubernetes.container.name"}}'
  return execFileSync('docker', ['ps', '-a', '--filter', `label=io.kubets.root-dir=${root}`, '--format', format], {
    encoding: 'utf8',
  })
    .split('\n')
    .filter((line) => line !== '' && line !== '/')
}

it('leaves every Pod as it is to be', { timeout: 300_000 }, async (test) => {
  const random = seededRandom(runSeed())
  test.diagnostic(`KUBETS_SEED=${random.seed}`)
  const cluster = running()
  const { client, layout } = cluster
  const starts = join(layout.root, 'starts')
  mkdirSync(starts, { recursive: true })
  const live = new Set<string>()
  const gone = new Set<string>()
  for (let round = 0; round < kills; round++) {
    for (let count = 0; count < podsARound; count++) {
      const name = `p${round}-${count}`
      await create(name, starts)
      live.add(name)
    }
    const [victim] = [...live].filter((name) => !name.startsWith(`p${round}-`))
    if (victim !== undefined) {
      await client.delete(podsRef, victim, namespace)
      live.delete(victim)
      gone.add(victim)
    }
    const [other] = [...live]
    if (other !== undefined) {
      await client.patch(
        podsRef,
        other,
        namespace,
        { metadata: { labels: { round: String(round) } } },
        { type: 'merge' },
      )
    }
    await new Promise((resolve) => setTimeout(resolve, random.below(1500)))
    await killKubelet(cluster, nodeName())
  }
  for (const name of live) {
    await waitFor(
      async () => {
        const { status } = await client.get(podsRef, name, namespace)
        return status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True')
      },
      { what: `${name} to be ready`, timeoutMs: 60_000 },
    )
  }
  for (const name of gone) {
    await waitFor(async () => (await client.get(podsRef, name, namespace).catch(() => undefined)) === undefined, {
      what: `the end of ${name}`,
      timeoutMs: 60_000,
    })
  }
  const wanted = [...live].flatMap((name) => ['POD', 'c', 'init'].map((container) => `${name}/${container}`)).toSorted()
  await waitFor(() => JSON.stringify(onEngine().toSorted()) === JSON.stringify(wanted), {
    what: `exactly the containers of ${live.size} Pods`,
    timeoutMs: 60_000,
  }).catch(() => assert.deepEqual(onEngine().toSorted(), wanted))
  for (const name of live) {
    const { metadata, status } = await client.get(podsRef, name, namespace)
    const counts = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])]
    assert.deepEqual(
      counts.map(({ restartCount }) => restartCount),
      [0, 0],
      name,
    )
    assert.equal(readFileSync(join(starts, name), 'utf8'), 'start\n', `${name} started once`)
    assert.equal(await cluster.kubectl('exec', name, '-c', 'c', '--', 'cat', '/data/x'), 'init\n')
    assert.ok(metadata?.uid)
  }
  const folders = readdirSync(join(layout.node(nodeName()).kubeletRoot, 'pods'))
  assert.equal(folders.length, live.size, 'folders of Pods that are gone')
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
  const ours = mounts.filter((line) => line.includes(`${layout.node(nodeName()).kubeletRoot}/pods/`))
  assert.equal(ours.length, live.size, 'volumes in memory')
})
