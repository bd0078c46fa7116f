/** The controllers and the scheduler may do what they do: nothing that they try is forbidden to them. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import {
  cronJobs,
  daemonSets,
  deployments,
  endpointSlices,
  horizontalPodAutoscalers,
  jobs,
  leases,
  namespaces,
  nodes,
  podDisruptionBudgets,
  pods,
  replicaSets,
  replicationControllers,
  services,
  statefulSets,
} from '../../../api/resources.ts'
import type { Pod, PodTemplateSpec } from '../../../api/types.ts'
import type { RestClient } from '../../../client/rest/rest-client.ts'
import { waitFor } from '../../harness/wait.ts'
import type { Running } from '../../harness/use-cluster.ts'
import { makeNamespace } from './fixtures.ts'

const template = (app: string, restartPolicy = 'Always'): PodTemplateSpec => ({
  metadata: { labels: { app } },
  spec: { restartPolicy, terminationGracePeriodSeconds: 0, containers: [{ name: 'main', image: 'none:1' }] },
})

/** A node without a kubelet: its Pods are said to run by whoever calls `pretend`. */
const registerHollowNode = async (client: RestClient, name: string): Promise<void> => {
  await client.create(nodes, { metadata: { name, labels: { 'kubernetes.io/hostname': name } } })
  const nowText = new Date().toISOString().replace(/\.\d+/, '')
  const capacity = { cpu: '8', memory: '16Gi', pods: '110' }
  const ready = { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'hollow', lastHeartbeatTime: nowText }
  const status = { capacity, allocatable: capacity, conditions: [ready] }
  await client.patch(nodes, name, undefined, { status }, { type: 'merge', subresource: 'status' })
  await client.create(leases, {
    metadata: { namespace: 'kube-node-lease', name },
    spec: { holderIdentity: name, leaseDurationSeconds: 40, renewTime: new Date().toISOString().replace('Z', '000Z') },
  })
}

let address = 1

/** Says of every Pod that was bound to a node that it runs, and of Jobs' Pods that they are done. */
const pretend = async (client: RestClient, namespace: string): Promise<readonly Pod[]> => {
  const { items } = await client.list(pods, { namespace })
  for (const pod of items) {
    const { name = '', deletionTimestamp, ownerReferences = [] } = pod.metadata ?? {}
    if (deletionTimestamp !== undefined) await client.delete(pods, name, namespace, { gracePeriodSeconds: 0 })
    else if ((pod.spec?.nodeName ?? '') !== '' && pod.status?.phase === 'Pending') {
      const done = ownerReferences.some(({ kind }) => kind === 'Job')
      const podIP = `10.140.9.${address++}`
      const status = {
        phase: done ? 'Succeeded' : 'Running',
        podIP,
        podIPs: [{ ip: podIP }],
        conditions: ['Ready', 'ContainersReady'].map((type) => ({ type, status: done ? 'False' : 'True' })),
      }
      await client.patch(pods, name, namespace, { status }, { type: 'merge', subresource: 'status' })
    }
  }
  return items
}

export const describeComponents = (running: Running): void => {
  describe('the components', () => {
    const namespace = 'components'
    let client: RestClient

    before(async () => {
      client = running().client
      await makeNamespace(client, namespace)
      await registerHollowNode(client, 'hollow')
    })

    it('bring every workload up on a node, and down again', async () => {
      const meta = (name: string) => ({ namespace, name })
      const selector = (app: string) => ({ matchLabels: { app } })
      await client.create(services, {
        metadata: meta('web'),
        spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] },
      })
      await client.create(deployments, {
        metadata: meta('web'),
        spec: { replicas: 2, selector: selector('web'), template: template('web') },
      })
      await client.create(statefulSets, {
        metadata: meta('db'),
        spec: { replicas: 2, serviceName: 'db', selector: selector('db'), template: template('db') },
      })
      await client.create(daemonSets, {
        metadata: meta('agent'),
        spec: { selector: selector('agent'), template: template('agent') },
      })
      await client.create(replicationControllers, {
        metadata: meta('old'),
        spec: { replicas: 1, selector: { app: 'old' }, template: template('old') },
      })
      await client.create(jobs, {
        metadata: meta('once'),
        spec: { completions: 2, parallelism: 2, ttlSecondsAfterFinished: 600, template: template('once', 'Never') },
      })
      await client.create(cronJobs, {
        metadata: meta('often'),
        spec: { schedule: '* * * * *', jobTemplate: { spec: { template: template('often', 'Never') } } },
      })
      await client.create(podDisruptionBudgets, {
        metadata: meta('web'),
        spec: { minAvailable: 1, selector: selector('web') },
      })
      await client.create(horizontalPodAutoscalers, {
        metadata: meta('web'),
        spec: {
          minReplicas: 2,
          maxReplicas: 3,
          scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
        },
      })
      await waitFor(
        async () => {
          await pretend(client, namespace)
          const [web, db, agent, old, once, budget] = await Promise.all([
            client.get(deployments, 'web', namespace),
            client.get(statefulSets, 'db', namespace),
            client.get(daemonSets, 'agent', namespace),
            client.get(replicationControllers, 'old', namespace),
            client.get(jobs, 'once', namespace),
            client.get(podDisruptionBudgets, 'web', namespace),
          ])
          return (
            web.status?.availableReplicas === 2 &&
            db.status?.readyReplicas === 2 &&
            agent.status?.numberAvailable === 1 &&
            old.status?.readyReplicas === 1 &&
            once.status?.succeeded === 2 &&
            once.status.conditions?.some(({ type, status }) => type === 'Complete' && status === 'True') &&
            budget.status?.currentHealthy === 2 &&
            budget.status.disruptionsAllowed === 1
          )
        },
        { what: 'all workloads to be up' },
      )
      const slices = await waitFor(
        async () => {
          const { items } = await client.list(endpointSlices, {
            namespace,
            labelSelector: 'kubernetes.io/service-name=web',
          })
          return items.flatMap(({ endpoints }) => endpoints ?? []).length === 2 ? items : undefined
        },
        { what: 'both endpoints of the Service' },
      )
      assert.deepEqual(
        slices[0]?.ports?.map(({ port }) => port),
        [8080],
      )

      const image = [{ op: 'replace', path: '/spec/template/spec/containers/0/image', value: 'none:2' }]
      await client.patch(deployments, 'web', namespace, image, { type: 'json' })
      await client.patch(statefulSets, 'db', namespace, image, { type: 'json' })
      await client.patch(daemonSets, 'agent', namespace, image, { type: 'json' })
      await waitFor(
        async () => {
          const live = (await pretend(client, namespace)).filter(({ metadata }) =>
            ['web', 'db', 'agent'].includes(metadata?.labels?.['app'] ?? ''),
          )
          return live.length === 5 && live.every(({ spec }) => spec?.containers[0]?.image === 'none:2')
        },
        { what: 'the new image everywhere' },
      )
      await client.delete(namespaces, namespace)
      await waitFor(
        async () => {
          await pretend(client, namespace)
          return (await client.list(namespaces)).items.every(({ metadata }) => metadata?.name !== namespace)
        },
        { what: 'the namespace to go' },
      )
      assert.deepEqual((await client.list(replicaSets, { namespace })).items, [])
      await client.delete(nodes, 'hollow')
    })

    it('were never refused anything', () => {
      for (const name of ['kube-controller-manager', 'kube-scheduler']) {
        const refused = running()
          .logOf(name)
          .split('\n')
          .filter((line) => /forbidden|unauthorized/i.test(line) && !line.includes('because it is being terminated'))
        assert.deepEqual(refused, [], name)
      }
    })
  })
}
