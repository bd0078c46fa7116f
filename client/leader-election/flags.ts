import { defineFlags, type FlagValues } from '../../component-base/flags/flags.ts'
import type { LeaderElectionOptions } from './leader-elector.ts'

/** The leader election flags of a component whose Lease has this name by default. */
export const leaderElectionFlags = (leaseName: string) =>
  defineFlags({
    'leader-elect': { type: 'bool', default: true, help: 'Run only while holding the leader lease.' },
    'leader-elect-lease-duration': { type: 'duration', default: 15_000, help: 'How long a lease is valid.' },
    'leader-elect-renew-deadline': {
      type: 'duration',
      default: 10_000,
      help: 'When a leader that cannot renew gives up.',
    },
    'leader-elect-retry-period': { type: 'duration', default: 2_000, help: 'Time between attempts.' },
    'leader-elect-resource-lock': { type: 'string', default: 'leases', help: 'Kind of the lock; only leases.' },
    'leader-elect-resource-name': { type: 'string', default: leaseName, help: 'Name of the Lease.' },
    'leader-elect-resource-namespace': { type: 'string', default: 'kube-system', help: 'Namespace of the Lease.' },
  })

type LeaderElectionConfig = Pick<
  LeaderElectionOptions,
  'name' | 'namespace' | 'leaseDurationMs' | 'renewDeadlineMs' | 'retryPeriodMs'
>

/** What those flags say, for runLeaderElection. */
export const toLeaderElectionConfig = (
  values: FlagValues<ReturnType<typeof leaderElectionFlags>>,
): LeaderElectionConfig => ({
  name: values['leader-elect-resource-name'],
  namespace: values['leader-elect-resource-namespace'],
  leaseDurationMs: values['leader-elect-lease-duration'],
  renewDeadlineMs: values['leader-elect-renew-deadline'],
  retryPeriodMs: values['leader-elect-retry-period'],
})
