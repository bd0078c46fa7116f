/** Preemption with real containers: victims end in their own time, and the Pod that wants their place runs after them. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { nodes as nodesRef, pods as podsRef, priorityClasses } from '../../api/resources.ts'
import type { Pod } from '../../api/types.ts'
import type { TestCluster } from '../harness/cluster.ts'
import { busyboxImage, ensureTestImages } from '../harness/images.ts'
import { podWhenIn } from '../harness/pods.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { waitFor } from '../harness/wait.ts'

const namespace = 'default'
const resource = 'scheduling.k8s.io/foo'

let cluster: TestCluster
ensureTestImages()
useCluster({ nodes: 1 }, (started) => {
  cluster = started
})
const podWhen = podWhenIn(() => cluster)

const podOf = (name: string, priorityClassName: string, script: string, amount = '1'): Pod => ({
  metadata: { name, namespace },
  spec: {
    priorityClassName,
    terminationGracePeriodSeconds: 30,
    automountServiceAccountToken: false,
    containers: [
      {
        name: 'app',
        image: busyboxImage,
        command: ['sh', '-c', script],
        resources: { requests: { [resource]: amount }, limits: { [resource]: amount } },
      },
    ],
  },
})

const sleeps = "trap 'exit 0' TERM; sleep 3600 & wait"
/** Needs a moment to end. */
const endsSlowly = "trap 'sleep 2; exit 0' TERM; sleep 3600 & wait"

describe('preemption on a real node', () => {
  it('lets the least important Pod end gracefully and runs the other in its place', async () => {
    const { client } = cluster
    for (const [name, value] of Object.entries({ low: 1, medium: 100, high: 1000 })) {
      await client.create(priorityClasses, { metadata: { name }, value })
    }
    const [node] = (await client.list(nodesRef)).items
    const nodeName = node?.metadata?.name ?? ''
    const status = { capacity: { [resource]: '2' }, allocatable: { [resource]: '2' } }
    await client.patch(nodesRef, nodeName, undefined, { status }, { type: 'strategic', subresource: 'status' })
    const runs = ({ status: now }: Pod): boolean => now?.phase === 'Running'
    await client.create(podsRef, podOf('low', 'low', endsSlowly))
    await client.create(podsRef, podOf('medium', 'medium', sleeps))
    await podWhen('low', 'to run', runs)
    await podWhen('medium', 'to run', runs)

    await client.create(podsRef, podOf('high', 'high', sleeps))
    const promised = await podWhen('high', 'a promise', ({ status: now }) => now?.nominatedNodeName === nodeName)
    assert.equal(promised.spec?.nodeName ?? '', '', 'the victim still runs')
    const victim = await client.get(podsRef, 'low', namespace)
    assert.equal(
      victim.status?.conditions?.find(({ type }) => type === 'DisruptionTarget')?.reason,
      'PreemptionByScheduler',
    )
    await podWhen('high', 'to run', runs)
    await assert.rejects(client.get(podsRef, 'low', namespace), /not found/)
    await podWhen('medium', 'to go on', runs)
  })

  it('makes room for a critical Pod', async () => {
    const { client } = cluster
    const critical = podOf('critical', 'system-cluster-critical', sleeps, '2')
    await client.create(podsRef, { ...critical, metadata: { name: 'critical', namespace: 'kube-system' } })
    await waitFor(async () => (await client.get(podsRef, 'critical', 'kube-system')).status?.phase === 'Running', {
      what: 'critical: to run',
    })
    const gone = (name: string) => assert.rejects(client.get(podsRef, name, namespace), /not found/)
    await gone('high')
    await gone('medium')
  })
})
