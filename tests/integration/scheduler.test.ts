/** The scheduler as a process, with an API server, controllers, and nodes that exist as objects. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { projectRoot } from '../../deploy/layout.ts'
import { runHollowKubelets } from '../harness/hollow-nodes.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { describeExtenders, extenderResource, startTestExtender } from './scheduler/extenders.ts'
import { describeExplanation } from './scheduler/explanation.ts'
import { describePreemption } from './scheduler/preemption.ts'
import { describeProfiles } from './scheduler/profiles.ts'
import { describeQueues } from './scheduler/queues.ts'

const stop = new AbortController()
const extender = await startTestExtender()

/** `config.yaml` with what is only known now. */
const folder = mkdtempSync(join(tmpdir(), 'kubets-scheduler-'))
const config = join(folder, 'scheduler.yaml')
const text = readFileSync(join(import.meta.dirname, 'scheduler/config.yaml'), 'utf8')
writeFileSync(
  config,
  text
    .replace('EXAMPLES', join(projectRoot, 'scheduler/examples'))
    .replace('EXTENDER_URL', extender.url)
    .replace('EXTENDER_RESOURCE', extenderResource),
)

const running = useCluster({ extraArgs: { 'kube-scheduler': { config } } }, ({ client }) =>
  runHollowKubelets(client, stop.signal),
)
after(() => {
  stop.abort()
  extender.close()
  rmSync(folder, { recursive: true })
})

describePreemption(running)
describeProfiles(running)
describeQueues(running)
describeExtenders(running, extender)
describeExplanation(running)
