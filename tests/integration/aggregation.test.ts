/** The aggregation layer, with extension API servers that are processes of their own. */
import { after, before, describe } from 'node:test'
import { createExtensionServer, type ExtensionServer } from '../harness/extension-server/start.ts'
import { startCluster, type TestCluster } from '../harness/cluster.ts'
import { type OwnAddress, takeOwnAddress } from '../harness/own-address.ts'
import { describeApiServices } from './aggregation/api-services.ts'
import { describeAvailability } from './aggregation/availability.ts'
import { describeDocuments } from './aggregation/documents.ts'
import { describeProxying } from './aggregation/proxying.ts'
import { register, type World } from './aggregation/world.ts'

let cluster: TestCluster | undefined
let own: OwnAddress | undefined
let extension: ExtensionServer | undefined

before(
  async () => {
    cluster = await startCluster()
    own = takeOwnAddress()
    extension = await createExtensionServer(cluster, { group: 'wardle.example.com', host: own.address })
    await extension.start()
    await register(cluster, extension)
  },
  { timeout: 120_000 },
)
after(
  async () => {
    await extension?.[Symbol.asyncDispose]()
    await cluster?.[Symbol.asyncDispose]()
    own?.[Symbol.dispose]()
  },
  { timeout: 60_000 },
)

const running = (): World => {
  if (cluster === undefined || extension === undefined || own === undefined) throw new Error('nothing runs yet')
  return { cluster, extension, host: own.address }
}

describe('aggregation', () => {
  describeApiServices(running)
  describeProxying(running)
  describeDocuments(running)
  describeAvailability(running)
})
