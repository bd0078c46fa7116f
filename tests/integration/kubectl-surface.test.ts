/** What kubectl offers on objects that need no node, with the oldest and the newest kubectl of the machine. */
import { basename } from 'node:path'
import { describe } from 'node:test'
import { oldestAndNewest } from '../harness/kubectl.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { describeApply } from './kubectl/apply.ts'
import { describeChanges } from './kubectl/changes.ts'
import { describeEveryKind } from './kubectl/every-kind.ts'
import { describeGenerators } from './kubectl/generators.ts'
import { describeIdentity } from './kubectl/identity.ts'
import { describeInspection } from './kubectl/inspection.ts'
import { describeNodes } from './kubectl/nodes.ts'
import { describeOutput } from './kubectl/output.ts'
import { surfaceOf } from './kubectl/surface.ts'
import { describeWorkloads } from './kubectl/workloads.ts'

const running = useCluster()
const binaries = oldestAndNewest()

describe('kubectl', { concurrency: true }, () => {
  for (const binary of binaries) {
    describe(basename(binary), { concurrency: false }, () => {
      const surface = surfaceOf(running, binary, binary === binaries.at(-1))
      describeGenerators(surface)
      describeOutput(surface)
      describeChanges(surface)
      describeApply(surface)
      describeWorkloads(surface)
      describeNodes(surface)
      describeInspection(surface)
      describeIdentity(surface)
      describeEveryKind(surface)
    })
  }
})
