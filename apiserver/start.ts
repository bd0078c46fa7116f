/** From the command line to a running API server. */
import { createMetrics } from '../component-base/metrics/metrics.ts'
import { run } from '../component-base/process/run.ts'
import { runApiServer } from './api-server.ts'
import { parseConfig } from './config.ts'

/** Time for long requests to end after a signal. */
const shutdownTimeoutMs = 30_000

export const start = (argv: readonly string[]): void =>
  run(
    'kube-apiserver',
    async ({ signal, log }) => runApiServer(parseConfig(argv), createMetrics('kube-apiserver'), log, signal),
    {
      shutdownTimeoutMs,
    },
  )
