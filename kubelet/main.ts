#!/usr/bin/env node
/** The kubelet: `node kubelet/main.ts --kubeconfig … --config …`. */
import { parseFlags } from '../component-base/flags/flags.ts'
import { run } from '../component-base/process/run.ts'
import { toConfig } from './config/config.ts'
import { blockLoopback } from './host/loopback-firewall.ts'
import { prepareHost } from './host/start-checks.ts'
import { createKubelet } from './kubelet.ts'
import { kubeletFlags } from './options.ts'
import { serveHealthz, serveKubelet } from './serving.ts'

run('kubelet', async ({ signal, log }) => {
  const config = toConfig(parseFlags(kubeletFlags, process.argv.slice(2), { name: 'kubelet', version: 'v1.36.0' }))
  for (const warning of config.warnings) log.warn(warning)
  await prepareHost(config, log)
  if (config.blocksLoopback) await blockLoopback(log)
  const kubelet = await createKubelet(config, log, signal)
  const { client, backend, addresses, certificateMetrics } = kubelet
  await serveHealthz({ config, backend, log, signal })
  if (config.enableServer) await serveKubelet({ config, client, addresses, certificateMetrics, backend, log, signal })
  await kubelet.run()
})
