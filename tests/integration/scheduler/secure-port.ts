/** The scheduler's secure port, asked by the cluster's admin unless it is said otherwise. */
import type { TestCluster } from '../../harness/cluster.ts'
import { type Answer, type Call, createHttpTo, pkiCredentials } from '../../harness/http.ts'

export const getFromScheduler = (
  cluster: TestCluster,
  path: string,
  call: Call = pkiCredentials(cluster, 'admin'),
): Promise<Answer> => {
  const { schedulerPort } = cluster.config().controlPlane
  return createHttpTo({ server: `https://127.0.0.1:${schedulerPort}` })(path, call)
}
