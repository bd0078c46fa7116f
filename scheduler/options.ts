import { leaderElectionFlags } from '../client/leader-election/flags.ts'
import { loadConfigFile } from '../component-base/config/config-file.ts'
import { defineFlags } from '../component-base/flags/flags.ts'
import { tlsFlags } from '../component-base/tls/tls-settings.ts'
import { defaultPlugins } from './plugins/index.ts'
import { type EnabledPlugin, everywhere, type ExtensionPoint, type ProfileConfig } from './profiles.ts'

/** kube-scheduler's flags. */
export const flags = defineFlags({
  config: { type: 'string', default: '', help: 'Path to a KubeSchedulerConfiguration file.' },
  kubeconfig: { type: 'string', default: '', help: 'Path to the kubeconfig with credentials for the API server.' },
  'authentication-kubeconfig': { type: 'string', default: '', help: 'Kubeconfig for delegated authentication.' },
  'authorization-kubeconfig': { type: 'string', default: '', help: 'Kubeconfig for delegated authorization.' },
  'bind-address': { type: 'string', default: '0.0.0.0', help: 'Address of the secure port.' },
  'secure-port': { type: 'int', default: 10259, help: 'Port for health checks and metrics; 0 serves none.' },
  'client-ca-file': { type: 'string', default: '', help: 'CA whose client certificates may read metrics.' },
  'tls-cert-file': { type: 'string', default: '', help: 'Serving certificate; a self-signed one is made if empty.' },
  'tls-private-key-file': { type: 'string', default: '', help: 'Key of --tls-cert-file.' },
  ...tlsFlags,
  profiling: { type: 'bool', default: true, help: 'Serve profiles; none are: use node --inspect.' },
  'kube-api-qps': { type: 'float', default: 0, help: 'Limit of requests per second to the API server; 0 is none.' },
  'kube-api-burst': { type: 'int', default: 0, help: 'Burst of --kube-api-qps.' },
  ...leaderElectionFlags('kube-scheduler'),
})

/** What the configuration file decides. */
export interface SchedulerConfig {
  readonly profiles: readonly ProfileConfig[]
  readonly kubeconfig: string
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Names in `plugins.<point>.disabled`; `*` disables all. */
const disabledAt = (profile: Record<string, unknown>, point: string): ReadonlySet<string> => {
  const plugins = isRecord(profile['plugins']) ? profile['plugins'] : {}
  const set = isRecord(plugins[point]) ? plugins[point] : {}
  const disabled = Array.isArray(set['disabled']) ? set['disabled'] : []
  return new Set(disabled.filter(isRecord).map((entry) => String(entry['name'])))
}

const defaults: readonly EnabledPlugin[] = defaultPlugins.map(({ name, factory, weight = 1 }) => ({
  name,
  factory,
  weight,
  args: undefined,
}))

const toProfile = (profile: Record<string, unknown>, percentage: number): ProfileConfig => {
  const without = (point: ExtensionPoint): readonly EnabledPlugin[] => {
    const names = new Set([...disabledAt(profile, point), ...disabledAt(profile, 'multiPoint')])
    return names.has('*') ? [] : defaults.filter(({ name }) => !names.has(name))
  }
  const own = profile['percentageOfNodesToScore']
  const all = everywhere(defaults)
  return {
    schedulerName: String(profile['schedulerName'] ?? 'default-scheduler'),
    percentageOfNodesToScore: typeof own === 'number' ? own : percentage,
    enabled: { ...all, filter: without('filter'), score: without('score') },
  }
}

/** Reads a KubeSchedulerConfiguration; without a file there is the one profile `default-scheduler`. */
export const loadSchedulerConfig = (path: string): SchedulerConfig => {
  const document =
    path === ''
      ? {}
      : loadConfigFile(path, { apiVersion: 'kubescheduler.config.k8s.io/v1', kind: 'KubeSchedulerConfiguration' })
  const percentage = typeof document['percentageOfNodesToScore'] === 'number' ? document['percentageOfNodesToScore'] : 0
  const profiles = Array.isArray(document['profiles']) ? document['profiles'].filter(isRecord) : [{}]
  const connection = isRecord(document['clientConnection']) ? document['clientConnection'] : {}
  return {
    profiles: profiles.map((profile) => toProfile(profile, percentage)),
    kubeconfig: typeof connection['kubeconfig'] === 'string' ? connection['kubeconfig'] : '',
  }
}
