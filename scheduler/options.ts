import { leaderElectionFlags } from '../client/leader-election/flags.ts'
import { formatDuration } from '../component-base/flags/duration.ts'
import { defineFlags, type ParsedFlags } from '../component-base/flags/flags.ts'
import { tlsFlags } from '../component-base/tls/tls-settings.ts'
import type { KubeSchedulerConfiguration } from './config/types.ts'

/** kube-scheduler's flags. */
export const flags = defineFlags({
  config: { type: 'string', default: '', help: 'Path to a KubeSchedulerConfiguration file.' },
  'write-config-to': {
    type: 'string',
    default: '',
    help: 'Write the configuration with its defaults to this file and exit.',
  },
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

type Flags = ParsedFlags<typeof flags>

/** What was said on the command line counts more than the file, as upstream has it for these. */
export const applyFlags = (
  configuration: KubeSchedulerConfiguration,
  { values, isSet }: Flags,
): KubeSchedulerConfiguration => {
  const { leaderElection, clientConnection } = configuration
  const hasFile = values.config !== ''
  const said = <T>(flag: keyof typeof flags, value: T, configured: T): T => (isSet(flag) ? value : configured)
  return {
    ...configuration,
    leaderElection: {
      leaderElect: said('leader-elect', values['leader-elect'], leaderElection.leaderElect),
      leaseDuration: said(
        'leader-elect-lease-duration',
        formatDuration(values['leader-elect-lease-duration']),
        leaderElection.leaseDuration,
      ),
      renewDeadline: said(
        'leader-elect-renew-deadline',
        formatDuration(values['leader-elect-renew-deadline']),
        leaderElection.renewDeadline,
      ),
      retryPeriod: said(
        'leader-elect-retry-period',
        formatDuration(values['leader-elect-retry-period']),
        leaderElection.retryPeriod,
      ),
      resourceLock: said(
        'leader-elect-resource-lock',
        values['leader-elect-resource-lock'],
        leaderElection.resourceLock,
      ),
      resourceName: said(
        'leader-elect-resource-name',
        values['leader-elect-resource-name'],
        leaderElection.resourceName,
      ),
      resourceNamespace: said(
        'leader-elect-resource-namespace',
        values['leader-elect-resource-namespace'],
        leaderElection.resourceNamespace,
      ),
    },
    // Deprecated flags: with a file they are not looked at.
    clientConnection: {
      ...clientConnection,
      kubeconfig: hasFile && clientConnection.kubeconfig !== '' ? clientConnection.kubeconfig : values.kubeconfig,
      qps: hasFile ? clientConnection.qps : values['kube-api-qps'],
      burst: hasFile ? clientConnection.burst : values['kube-api-burst'],
    },
    enableProfiling: hasFile ? configuration.enableProfiling : values.profiling,
  }
}
