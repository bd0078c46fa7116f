/** Server-side apply and managedFields over the wire, on one control plane. */
import { after, before } from 'node:test'
import { startCluster, type TestCluster } from '../harness/cluster.ts'
import { describeConfigurations } from './apply/configurations.ts'
import { describeEveryKindApplied } from './apply/every-kind.ts'
import { describeKubectlApply } from './apply/kubectl.ts'
import { describeOwnership } from './apply/ownership.ts'
import { describeTracking } from './apply/tracking.ts'

let cluster: TestCluster | undefined

before(
  async () => {
    cluster = await startCluster()
  },
  { timeout: 180_000 },
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

describeConfigurations(running)
describeOwnership(running)
describeTracking(running)
describeKubectlApply(running)
describeEveryKindApplied(running)
