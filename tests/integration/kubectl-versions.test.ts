/** The kubectls between the oldest and the newest, with the commands in which versions differ. */
import { basename } from 'node:path'
import { describe } from 'node:test'
import { kubectlBinaries, oldestAndNewest } from '../harness/kubectl.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { describeApply } from './kubectl/apply.ts'
import { describeChanges } from './kubectl/changes.ts'
import { describeInspection } from './kubectl/inspection.ts'
import { describeOutput } from './kubectl/output.ts'
import { surfaceOf } from './kubectl/surface.ts'

const running = useCluster()
const extremes = oldestAndNewest()

// Two at a time: kubectl mostly waits, or takes its time to start.
describe('kubectl', { concurrency: 2 }, () => {
  for (const binary of kubectlBinaries().filter((one) => !extremes.includes(one))) {
    describe(basename(binary), { concurrency: false }, () => {
      const surface = surfaceOf(running, binary, false)
      describeOutput(surface)
      describeChanges(surface)
      describeApply(surface)
      describeInspection(surface)
    })
  }
})
