/** `kubets-testing`: a control plane for tests from the command line, in any language. */
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { join } from 'node:path'
import { defineFlags, parseFlags } from '../component-base/flags/flags.ts'
import { run, UsageError } from '../component-base/process/run.ts'
import type { Flags } from '../deploy/components.ts'
import { projectRoot } from '../deploy/layout.ts'
import { startControlPlane } from './control-plane.ts'

const flags = defineFlags({
  crds: { type: 'strings', default: [], help: 'Files or folders with CustomResourceDefinitions to install.' },
  'controller-manager': { type: 'bool', default: false, help: 'Run a kube-controller-manager too.' },
  scheduler: { type: 'bool', default: false, help: 'Run a kube-scheduler too.' },
  'apiserver-flags': {
    type: 'map',
    default: {},
    help: 'More flags of the API server, without the dashes: flag=value,….',
  },
  user: { type: 'string', default: 'admin', help: 'Whom the kubeconfig is for.' },
  groups: { type: 'strings', default: ['system:masters'], help: 'The groups of that user.' },
})

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })

/** Runs a command to its end and returns the code that a shell would show for it. */
const runCommand = (argv: readonly string[], kubeconfig: string, signal: AbortSignal): Promise<number> =>
  new Promise((resolve, reject) => {
    const [command = '', ...args] = argv
    const child = spawn(command, args, { stdio: 'inherit', env: { ...process.env, KUBECONFIG: kubeconfig } })
    signal.addEventListener('abort', () => child.kill('SIGTERM'), { once: true })
    child.once('error', (error) => reject(new UsageError(error.message, { exitCode: 127, cause: error })))
    child.once('exit', (code, ended) => resolve(code ?? 128 + (ended === null ? 0 : constants.signals[ended])))
  })

const usage = `kubets-testing [flags] [-- command args…]   a control plane, and the command with KUBECONFIG set;
                                            without a command it runs until Ctrl-C
kubets-testing assets                       the folder for envtest's KUBEBUILDER_ASSETS
`

run(
  'kubets-testing',
  async ({ signal }) => {
    const argv = process.argv.slice(2)
    if (argv.includes('--help') && !argv.slice(0, argv.indexOf('--help')).includes('--')) process.stdout.write(usage)
    const { values, positional } = parseFlags(flags, argv, { name: 'kubets-testing', version: 'v1.36.0' })
    if (!argv.includes('--') && positional.length > 0) {
      if (positional.join(' ') !== 'assets') throw new UsageError(`unknown command ${positional.join(' ')}`)
      process.stdout.write(`${join(projectRoot, 'testing/assets')}\n`)
      return
    }
    const apiServerFlags: Flags = values['apiserver-flags']
    await using environment = await startControlPlane({
      crds: values.crds,
      controllerManager: values['controller-manager'],
      scheduler: values.scheduler,
      flags: { 'kube-apiserver': apiServerFlags },
    })
    const kubeconfig = await environment.addUser({ name: values.user, groups: values.groups })
    if (positional.length > 0) {
      process.exitCode = await runCommand(positional, kubeconfig, signal)
      return
    }
    process.stdout.write(`export KUBECONFIG=${kubeconfig}\n`)
    await aborted(signal)
  },
  { shutdownTimeoutMs: 45_000 },
)
