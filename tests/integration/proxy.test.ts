/** pods/proxy, services/proxy and nodes/proxy, on a control plane whose Pods, Services and Node are servers of the test. */
import { after, before, describe } from 'node:test'
import { startCluster, type TestCluster } from '../harness/cluster.ts'
import { type OwnAddress, takeOwnAddress } from '../harness/own-address.ts'
import { describeBodies } from './proxy/bodies.ts'
import { describeKubelets } from './proxy/kubelets.ts'
import { describePages } from './proxy/pages.ts'
import { describeRequests } from './proxy/requests.ts'
import { describeTargets } from './proxy/targets.ts'
import { describeUpgrades } from './proxy/upgrades.ts'
import { describeSmuggling } from './attacks/smuggling.ts'
import { createWorld, type World } from './proxy/world.ts'

let cluster: TestCluster | undefined
let world: World | undefined
let own: OwnAddress | undefined

before(
  async () => {
    cluster = await startCluster()
    own = takeOwnAddress()
    world = await createWorld(cluster, own.address)
  },
  { timeout: 120_000 },
)
after(
  async () => {
    await world?.[Symbol.asyncDispose]()
    await cluster?.[Symbol.asyncDispose]()
    own?.[Symbol.dispose]()
  },
  { timeout: 60_000 },
)

const running = (): World => {
  if (world === undefined) throw new Error('the cluster has not started')
  return world
}

describe('proxy', () => {
  describeRequests(running)
  describeBodies(running)
  describePages(running)
  describeUpgrades(running)
  describeTargets(running)
  describeKubelets(running)
  describeSmuggling(running)
})
