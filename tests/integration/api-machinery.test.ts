/** The generic API machinery over the wire, on one control plane with its real controllers. */
import { useCluster } from '../harness/use-cluster.ts'
import { describeComponents } from './api-machinery/components.ts'
import { describeDeletion } from './api-machinery/deletion.ts'
import { describeEvictions } from './api-machinery/evictions.ts'
import { describeGarbageCollection } from './api-machinery/garbage-collection.ts'
import { describeLists } from './api-machinery/lists.ts'
import { describeProtobuf } from './api-machinery/protobuf.ts'
import { describeWatches } from './api-machinery/watches.ts'
import { describeWrites } from './api-machinery/writes.ts'

const running = useCluster()

describeWrites(running)
describeDeletion(running)
describeEvictions(running)
describeGarbageCollection(running)
describeLists(running)
describeWatches(running)
describeProtobuf(running)
// The last, because it reads what the components logged all the while.
describeComponents(running)
