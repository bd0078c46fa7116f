/** The scheduler as a process, with an API server, controllers, and nodes that exist as objects. */
import { join } from 'node:path'
import { after } from 'node:test'
import { runHollowKubelets } from '../harness/hollow-nodes.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { describePreemption } from './scheduler/preemption.ts'
import { describeProfiles } from './scheduler/profiles.ts'
import { describeQueues } from './scheduler/queues.ts'

const config = join(import.meta.dirname, 'scheduler/config.yaml')
const stop = new AbortController()
const running = useCluster({ extraArgs: { 'kube-scheduler': { config } } }, ({ client }) =>
  runHollowKubelets(client, stop.signal),
)
after(() => stop.abort())

describePreemption(running)
describeProfiles(running)
describeQueues(running)
