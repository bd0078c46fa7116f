/** The scheduler as a process, with an API server, controllers, and nodes that exist as objects. */
import { after } from 'node:test'
import { runHollowKubelets } from '../harness/hollow-nodes.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { describePreemption } from './scheduler/preemption.ts'

const stop = new AbortController()
const running = useCluster({}, ({ client }) => runHollowKubelets(client, stop.signal))
after(() => stop.abort())

describePreemption(running)
