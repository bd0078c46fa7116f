/** What kubectl offers on objects that need no node, with every kubectl of the machine. */
import { basename } from 'node:path'
import { describe } from 'node:test'
import { wantedStore } from '../harness/cluster-store.ts'
import { kubectlBinaries, oldestAndNewest } from '../harness/kubectl.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { describeApply } from './kubectl/apply.ts'
import { describeChanges } from './kubectl/changes.ts'
import { describeEveryKind } from './kubectl/every-kind.ts'
import { describeGenerators } from './kubectl/generators.ts'
import { describeIdentity } from './kubectl/identity.ts'
import { describeInspection } from './kubectl/inspection.ts'
import { describeNodes } from './kubectl/nodes.ts'
import { describeOutput } from './kubectl/output.ts'
import { describeWorkloads } from './kubectl/workloads.ts'

const running = useCluster()
const extremes = oldestAndNewest()
// On other stores the two of them will do.
const binaries = wantedStore() === 'etcd-lite' ? kubectlBinaries() : extremes

// Three at a time: kubectl mostly waits, or takes its time to start.
describe('kubectl', { concurrency: 3 }, () => {
  for (const [index, binary] of binaries.entries()) {
    describe(basename(binary), { concurrency: false }, () => {
      const suffix = basename(binary).replaceAll(/[^a-z0-9]/g, '-')
      const surface = { running, binary, suffix, isNewest: index === binaries.length - 1 }
      describeOutput(surface)
      describeChanges(surface)
      describeApply(surface)
      describeInspection(surface)
      // To the versions in between the rest is the same.
      if (!extremes.includes(binary)) return
      describeGenerators(surface)
      describeWorkloads(surface)
      describeNodes(surface)
      describeIdentity(surface)
      describeEveryKind(surface)
    })
  }
})
