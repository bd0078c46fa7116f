/**
 * The supervisor: keeps a local cluster as its cluster file says. It starts what is missing, starts again what died,
 * stops what is no longer wanted, and follows changes of the file. It is a user of the cluster like any other: what
 * it wants of Nodes it asks of the API server. It may be killed at any time: the next one adopts what runs.
 */
import { mkdirSync, watch } from 'node:fs'
import { sleep } from '../component-base/clock.ts'
import { defineFlags, parseFlags } from '../component-base/flags/flags.ts'
import { run } from '../component-base/process/run.ts'
import { ensureAddons } from './addons.ts'
import { convergeProcesses, prepare, removeSurplusNodes, type Restarts } from './converge.ts'
import { type Layout, layoutOf } from './layout.ts'
import { followNodes } from './node-sync.ts'

/** How often processes are looked at: the time until one that was killed runs again. */
const checkIntervalMs = 250

/** Resolves at the next change of the cluster file; watches its directory, since editors replace files. */
const changeOf = (layout: Layout, signal: AbortSignal): { changed: () => boolean } => {
  let changed = false
  const watcher = watch(layout.root, { signal }, (_event, file) => {
    if (file === 'cluster.yaml') changed = true
  })
  watcher.on('error', () => undefined)
  return {
    changed: () => {
      const was = changed
      changed = false
      return was
    },
  }
}

const flags = defineFlags({
  root: { type: 'string', default: '.cluster', help: 'Directory of the cluster that is supervised.' },
})

run('kubets-supervisor', async ({ signal, log }) => {
  const { values } = parseFlags(flags, process.argv.slice(2), { name: 'kubets-supervisor', version: 'v1.36.0' })
  const layout = layoutOf(values.root)
  mkdirSync(layout.run, { recursive: true })
  const restarts = new Map<string, Restarts>()
  const file = changeOf(layout, signal)
  let desired = await prepare(layout)
  const addons = ensureAddons(desired.config, layout, { log, signal })
  let follower = followNodes(desired.nodes, layout, log)
  await removeSurplusNodes(desired, layout, log)
  while (!signal.aborted) {
    if (file.changed()) {
      try {
        desired = await prepare(layout)
        await follower.stop()
        follower = followNodes(desired.nodes, layout, log)
        await convergeProcesses(desired.processes, layout, restarts, log)
        await removeSurplusNodes(desired, layout, log)
        log.info({ nodes: desired.nodes.length }, 'cluster file applied')
      } catch (error) {
        log.error({ err: error }, 'the cluster file is not applied; the cluster stays as it is')
      }
    }
    await convergeProcesses(desired.processes, layout, restarts, log)
    await sleep(checkIntervalMs, signal).catch(() => undefined)
  }
  await Promise.all([follower.stop(), addons])
})
