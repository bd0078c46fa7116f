/** Why a Pod waits, node by node, at the scheduler's secure port. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { pods as podsRef } from '../../../api/resources.ts'
import type { RestClient } from '../../../client/rest/rest-client.ts'
import type { Explanation } from '../../../scheduler/explanation/explanation.ts'
import { makeHollowNode } from '../../harness/hollow-nodes.ts'
import { pkiCredentials } from '../../harness/http.ts'
import type { Running } from '../../harness/use-cluster.ts'
import { waitFor } from '../../harness/wait.ts'
import { makeNamespace } from '../api-machinery/fixtures.ts'
import { isUnschedulable, podOf, podWhen } from './fixtures.ts'
import { getFromScheduler } from './secure-port.ts'

const namespace = 'explanation'
const path = `/debug/pods/${namespace}/greedy/explanation`

export const describeExplanation = (running: Running): void => {
  describe('the explanation of a waiting Pod', () => {
    let client: RestClient
    before(async () => {
      client = running().client
      await makeNamespace(client, namespace)
      await makeHollowNode(client, 'explained', { allocatable: { cpu: '2' } })
      const spec = { nodeSelector: { 'kubernetes.io/hostname': 'explained' }, requests: { cpu: '3' } }
      await client.create(podsRef, podOf('greedy', namespace, spec))
      await podWhen(client, { name: 'greedy', namespace }, isUnschedulable)
    })

    it('names the plugin, the reason and the change for each node', async () => {
      const { code, json } = await getFromScheduler(running(), path)
      assert.equal(code, 200)
      const explanation = json as unknown as Explanation
      assert.equal(explanation.pod.name, 'greedy')
      const node = explanation.nodes.find((one) => one.node === 'explained')
      assert.deepEqual(node, {
        node: 'explained',
        plugin: 'NodeResourcesFit',
        reasons: ['Insufficient cpu'],
        preemptible: false,
        change: '3000m of cpu are more than the 2000m of the whole node',
      })
    })

    it('is a text for people', async () => {
      const { text } = await getFromScheduler(running(), `${path}?format=text`)
      assert.match(text, /^explanation\/greedy, attempt \d+ at /)
      assert.match(text, /explained: NodeResourcesFit: Insufficient cpu\n {6}→ 3000m of cpu are more/)
    })

    it('is for those alone who may get the path', async () => {
      const anonymous = await getFromScheduler(running(), path, {})
      assert.equal(anonymous.code, 403)
      const kubelet = await getFromScheduler(running(), path, pkiCredentials(running(), 'controller-manager'))
      assert.equal(kubelet.code, 403)
    })

    it('is gone with the Pod', async () => {
      await client.delete(podsRef, 'greedy', namespace)
      await waitFor(async () => (await getFromScheduler(running(), path)).code === 404, { what: '404' })
    })
  })
}
