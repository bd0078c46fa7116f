/** kube-apiserver. */
import { createMetrics } from '../component-base/metrics/metrics.ts'
import { run } from '../component-base/process/run.ts'
import { runApiServer } from './api-server.ts'
import { parseConfig } from './config.ts'

run('kube-apiserver', async ({ signal, log }) => {
  const config = parseConfig(process.argv.slice(2))
  await runApiServer(config, createMetrics('kube-apiserver'), log, signal)
})
