/** What kubectl offers on objects that need no node, with the oldest and the newest kubectl of the machine. */
import { basename } from 'node:path'
import { after, before, describe } from 'node:test'
import { startCluster, type TestCluster } from '../harness/cluster.ts'
import { oldestAndNewest } from '../harness/kubectl.ts'
import { describeChanges } from './kubectl/changes.ts'
import { describeEveryKind } from './kubectl/every-kind.ts'
import { describeGenerators } from './kubectl/generators.ts'
import { describeIdentity } from './kubectl/identity.ts'
import { describeOutput } from './kubectl/output.ts'

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

const binaries = oldestAndNewest()

describe('kubectl', { concurrency: true }, () => {
  for (const [index, binary] of binaries.entries()) {
    describe(basename(binary), { concurrency: false }, () => {
      const suffix = basename(binary).replaceAll(/[^a-z0-9]/g, '-')
      const surface = { running, binary, suffix, isNewest: index === binaries.length - 1 }
      describeGenerators(surface)
      describeOutput(surface)
      describeChanges(surface)
      describeIdentity(surface)
      describeEveryKind(surface)
    })
  }
})
