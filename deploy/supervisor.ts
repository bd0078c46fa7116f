/**
 * The supervisor: keeps a local cluster as its cluster file says. It starts what is missing, starts again what died,
 * stops what is no longer wanted, and follows changes of the file. It is a user of the cluster like any other: what
 * it wants of Nodes it asks of the API server. It may be killed at any time: the next one adopts what runs.
 */
import { mkdirSync, watch } from 'node:fs'
import { defineFlags, parseFlags } from '../component-base/flags/flags.ts'
import { run } from '../component-base/process/run.ts'
import { createRestClient } from '../client/rest/rest-client.ts'
import { loadKubeconfig } from '../component-base/kubeconfig.ts'
import { ensureAddons } from './addons.ts'
import { approveServingCertificates } from './approve-serving.ts'
import { type ConvergeContext, convergeProcesses, prepare, removeSurplusNodes } from './converge.ts'
import { type Layout, layoutOf } from './layout.ts'
import { followNodes } from './node-sync.ts'

/** How often adopted processes are looked at, whose end nobody tells; that of its own ones is told at once. */
const checkIntervalMs = 1_000

/** Something to wait for: `wake` ends the present wait, or the next one if there is none. */
const createAlarm = () => {
  let rang = false
  let ring: () => void = () => undefined
  return {
    wake: (): void => {
      rang = true
      ring()
    },
    wait: async (ms: number): Promise<void> => {
      if (!rang) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms)
          ring = () => {
            clearTimeout(timer)
            resolve()
          }
        })
      }
      rang = false
    },
  }
}

/** Tells of changes of the cluster file; watches its directory, since editors replace files. */
const followFile = (layout: Layout, onChange: () => void, signal: AbortSignal): void => {
  const watcher = watch(layout.root, { signal }, (_event, file) => {
    if (file === 'cluster.yaml') onChange()
  })
  watcher.on('error', () => undefined) // the directory is gone: so is the cluster
}

const flags = defineFlags({
  root: { type: 'string', default: '.cluster', help: 'Directory of the cluster that is supervised.' },
})

run('kubets-supervisor', async ({ signal, log }) => {
  const { values } = parseFlags(flags, process.argv.slice(2), { name: 'kubets-supervisor', version: 'v1.36.0' })
  const layout = layoutOf(values.root)
  mkdirSync(layout.run, { recursive: true })
  const alarm = createAlarm()
  const context: ConvergeContext = { restarts: new Map(), onExit: alarm.wake, log }
  let fileChanged = false
  const onFileChange = (): void => {
    fileChanged = true
    alarm.wake()
  }
  followFile(layout, onFileChange, signal)
  signal.addEventListener('abort', alarm.wake, { once: true })
  let desired = await prepare(layout)
  let addons = ensureAddons(desired.config, layout, { log, signal })
  let follower = followNodes(desired.nodes, layout, log)
  const admin = createRestClient(loadKubeconfig(layout.adminConf), { userAgent: 'kubets-supervisor' })
  const approver = approveServingCertificates(admin, () => desired.nodes, { log, signal })
  await removeSurplusNodes(desired, layout, log)
  while (!signal.aborted) {
    if (fileChanged) {
      fileChanged = false
      try {
        desired = await prepare(layout)
        await addons
        addons = ensureAddons(desired.config, layout, { log, signal })
        await follower.stop()
        follower = followNodes(desired.nodes, layout, log)
        await convergeProcesses(desired.processes, layout, context)
        await removeSurplusNodes(desired, layout, log)
        log.info({ nodes: desired.nodes.length }, 'cluster file applied')
      } catch (error) {
        log.error({ err: error }, 'the cluster file is not applied; the cluster stays as it is')
      }
    }
    await convergeProcesses(desired.processes, layout, context)
    await alarm.wait(checkIntervalMs)
  }
  await Promise.all([follower.stop(), addons, approver])
  await admin.close()
})
