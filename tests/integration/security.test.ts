/** Who may not do what: identities, their ends, and the doors of every component. One node, for its kubelet. */
import { after, before } from 'node:test'
import { startCluster, type TestCluster } from '../harness/cluster.ts'
import { describeAuthentication } from './security/authentication.ts'
import { describeDoors } from './security/doors.ts'
import { describeEscalation } from './security/escalation.ts'
import { describeNodeIdentity } from './security/node-identity.ts'

let cluster: TestCluster | undefined

before(
  async () => {
    cluster = await startCluster({ nodes: 1 })
  },
  { timeout: 120_000 },
)
after(
  async () => {
    await cluster?.[Symbol.asyncDispose]()
  },
  { timeout: 60_000 },
)

const running = (): TestCluster => {
  if (cluster === undefined) throw new Error('the cluster has not started')
  return cluster
}

describeAuthentication(running)
describeEscalation(running)
describeNodeIdentity(running)
describeDoors(running)
