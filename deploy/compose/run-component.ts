/**
 * The command of every container of the composed cluster: `run-component.ts NAME` runs what the launcher would run
 * under that name, with the same flags; `init` makes the certificates and `cluster-sync` does the launcher's own part.
 */
import { spawn } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../../component-base/process/run.ts'
import { ensureAddons } from '../addons.ts'
import { loadClusterConfig, nodesOf } from '../cluster-config.ts'
import { controlPlaneProcesses, nodeProcesses } from '../components.ts'
import { layoutOf, projectRoot } from '../layout.ts'
import { followNodes } from '../node-sync.ts'
import { ensureClusterPki, ensureNodePki } from '../pki.ts'

const name = process.argv[2] ?? ''
const layout = layoutOf(process.env['KUBETS_ROOT'] ?? '/var/lib/kubets')

/** Runs a command in place of this process, as far as Node can: signals go in, the exit code comes out. */
const become = (argv: readonly string[], signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const [file = '', ...args] = argv
    const child = spawn(file, args, { stdio: 'inherit' })
    signal.addEventListener('abort', () => child.kill('SIGTERM'), { once: true })
    child.on('error', reject)
    child.on('exit', (code, killedBy) =>
      code === 0 ? resolve() : reject(new Error(`${name} ended with ${killedBy ?? `code ${code}`}`)),
    )
  })

run(`kubets-${name}`, async ({ signal, log }) => {
  if (name === 'init') {
    mkdirSync(layout.root, { recursive: true })
    const wanted = join(projectRoot, 'deploy/compose/cluster.yaml')
    if (!existsSync(layout.clusterFile)) copyFileSync(wanted, layout.clusterFile)
  }
  const config = loadClusterConfig(layout.clusterFile)
  const nodes = nodesOf(config, new Map())
  if (name === 'init') {
    await ensureClusterPki(config, layout)
    for (const node of nodes) await ensureNodePki(config, layout, node)
    return
  }
  if (name === 'cluster-sync') {
    const follower = followNodes(nodes, layout, log)
    await ensureAddons(config, layout, { log, signal })
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
    return follower.stop()
  }
  const own = nodes.filter((node) => name.startsWith(`${node.name}-`))
  const processes = [
    ...controlPlaneProcesses(config, layout),
    ...own.flatMap((node) => nodeProcesses(config, layout, node, [])),
  ]
  const spec = processes.find((candidate) => candidate.name === name)
  if (spec === undefined) throw new Error(`${name}: no such component in ${layout.clusterFile}`)
  await become(spec.argv, signal)
})
