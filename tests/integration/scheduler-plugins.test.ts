/** The scheduler's plugins with the controllers that they work with, on nodes that exist as objects. */
import { after } from 'node:test'
import { runHollowKubelets } from '../harness/hollow-nodes.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { describeDeviceApi } from './scheduler/device-api.ts'
import { describeDevices } from './scheduler/devices.ts'
import { describePredicates } from './scheduler/predicates.ts'
import { describeVolumes } from './scheduler/volumes.ts'

const stop = new AbortController()
const running = useCluster({}, ({ client }) => runHollowKubelets(client, stop.signal))
after(() => stop.abort())

describeDeviceApi(running)
describePredicates(running)
describeDevices(running)
describeVolumes(running)
