/** What the controller-manager tells of its controllers at /metrics. */
import { describe, it } from 'node:test'
import { createHttpTo, pkiCredentials } from '../../harness/http.ts'
import type { Running } from '../../harness/use-cluster.ts'
import { waitFor } from '../../harness/wait.ts'

export const describeMetrics = (running: Running): void => {
  describe('metrics of controllers', () => {
    it('say who leads, what runs, and what queues have done', async () => {
      const cluster = running()
      const server = `https://127.0.0.1:${cluster.config().controlPlane.controllerManagerPort}`
      const http = createHttpTo({ server }, pkiCredentials(cluster, 'admin'))
      const expected = [
        /^leader_election_master_status\{name="kube-controller-manager"\} 1$/m,
        /^running_managed_controllers\{manager="kube-controller-manager",name="deployment-controller"\} 1$/m,
        /^workqueue_adds_total\{name="serviceaccount"\} [1-9]/m,
        /^workqueue_work_duration_seconds_count\{name="serviceaccount"\} [1-9]/m,
        /^workqueue_depth\{name="endpoint_slice"\} \d/m,
      ]
      for (const pattern of expected) {
        await waitFor(async () => pattern.test((await http('/metrics')).text), { what: String(pattern) })
      }
    })
  })
}
