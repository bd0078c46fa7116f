/** From the command line to a running API server. */
import { run } from '../component-base/process/run.ts'
import { readFlags } from './options.ts'

/** Time for long requests to end after a signal. */
const shutdownTimeoutMs = 30_000

export const start = (argv: readonly string[]): void =>
  run(
    'kube-apiserver',
    async ({ signal, log }) => {
      const flags = readFlags(argv)
      // Loaded now: who asked for help, as test environments do at each start, needs none of it.
      const [{ configOf }, { runApiServer }, { createMetrics }] = await Promise.all([
        import('./config.ts'),
        import('./api-server.ts'),
        import('../component-base/metrics/metrics.ts'),
      ])
      await runApiServer(configOf(flags), createMetrics('kube-apiserver'), log, signal)
    },
    { shutdownTimeoutMs },
  )
