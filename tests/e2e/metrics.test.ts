/** Resource use of real containers: `kubectl top`, and an autoscaler that follows it. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { deployments, horizontalPodAutoscalers } from '../../api/resources.ts'
import { busyboxImage, ensureTestImages } from '../harness/images.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { waitFor } from '../harness/wait.ts'

const running = useCluster({ nodes: 1, metricsServer: true }, () => ensureTestImages())

const namespace = 'default'

describe('metrics of a cluster', () => {
  it('tell what nodes use', async () => {
    const { kubectl, nodes } = running()
    const node = nodes()[0]?.name ?? ''
    const line = await waitFor(
      async () => (await kubectl.run(['top', 'nodes', '--no-headers'])).stdout.split('\n').find((text) => text !== ''),
      { what: 'kubectl top nodes', timeoutMs: 30_000 },
    )
    assert.match(line, new RegExp(`^${node} +\\d+m +\\d+% +\\d+Mi +\\d+%`))
  })

  it('tell what Pods use, and let a Deployment grow by it', async () => {
    const { client, kubectl } = running()
    const labels = { app: 'busy' }
    const command = ['sh', '-c', 'while true; do :; done']
    const container = { name: 'main', image: busyboxImage, command, resources: { requests: { cpu: '10m' } } }
    await client.create(deployments, {
      metadata: { name: 'busy', namespace },
      spec: {
        replicas: 1,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { terminationGracePeriodSeconds: 0, containers: [container] } },
      },
    })
    const top = await waitFor(
      async () => /^busy\S+ +(\d+)m +\d+Mi/m.exec((await kubectl.run(['top', 'pods', '--no-headers'])).stdout)?.[1],
      { what: 'kubectl top pods', timeoutMs: 60_000 },
    )
    assert.ok(Number(top) > 20, `a busy loop uses ${top}m`)
    await client.create(horizontalPodAutoscalers, {
      metadata: { name: 'busy', namespace },
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'busy' },
        minReplicas: 1,
        maxReplicas: 2,
        metrics: [
          { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } },
        ],
      },
    })
    await waitFor(async () => (await client.get(deployments, 'busy', namespace)).status?.readyReplicas === 2, {
      what: 'a second busy Pod',
      timeoutMs: 60_000,
    })
  })

  it('are for those who may see them', async () => {
    const { kubectl } = running()
    const { code, stderr } = await kubectl.run(['top', 'nodes', '--as=nobody'])
    assert.notEqual(code, 0)
    assert.match(stderr, /nodes\.metrics\.k8s\.io is forbidden: User "nobody" cannot list resource "nodes"/)
  })
})
