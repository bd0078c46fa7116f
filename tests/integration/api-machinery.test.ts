/** The generic API machinery over the wire, on one control plane with its real controllers. */
import { after, before } from 'node:test'
import { startCluster, type TestCluster } from '../harness/cluster.ts'
import { describeComponents } from './api-machinery/components.ts'
import { describeDeletion } from './api-machinery/deletion.ts'
import { describeEvictions } from './api-machinery/evictions.ts'
import { describeGarbageCollection } from './api-machinery/garbage-collection.ts'
import { describeLists } from './api-machinery/lists.ts'
import { describeProtobuf } from './api-machinery/protobuf.ts'
import { describeWatches } from './api-machinery/watches.ts'
import { describeWrites } from './api-machinery/writes.ts'

let cluster: TestCluster | undefined

before(
  async () => {
    cluster = await startCluster()
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

describeWrites(running)
describeDeletion(running)
describeEvictions(running)
describeGarbageCollection(running)
describeLists(running)
describeWatches(running)
describeProtobuf(running)
// The last, because it reads what the components logged all the while.
describeComponents(running)
