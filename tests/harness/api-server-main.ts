/** kube-apiserver with other times for the repair of Services than anybody wants in earnest: `{…} --flag=…`. */
import { runApiServer } from '../../apiserver/api-server.ts'
import { type Config, parseConfig } from '../../apiserver/config.ts'
import { createMetrics } from '../../component-base/metrics/metrics.ts'
import { run } from '../../component-base/process/run.ts'

const [repair = '', ...argv] = process.argv.slice(2)
const serviceRepair = JSON.parse(repair) as Config['serviceRepair']

run(
  'kube-apiserver',
  async ({ signal, log }) =>
    runApiServer({ ...parseConfig(argv), serviceRepair }, createMetrics('kube-apiserver'), log, signal),
  { shutdownTimeoutMs: 10_000 },
)
