/** The scheduler's plugins with the controllers that they work with, on nodes that exist as objects. */
import { after } from 'node:test'
import { runHollowKubelets } from '../harness/hollow-nodes.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { describeDevices } from './scheduler/devices.ts'
import { describeVolumes } from './scheduler/volumes.ts'

const stop = new AbortController()
const running = useCluster({}, ({ client }) => runHollowKubelets(client, stop.signal))
after(() => stop.abort())

describeDevices(running)
describeVolumes(running)
