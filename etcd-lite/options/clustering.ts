/** What only a cluster of several members has is refused, with a word on who can do it. */
import { UsageError } from '../../component-base/process/run.ts'
import type { FlagValues } from './flag-types.ts'
import type { etcdFlags } from './flag-table.ts'

const useRealEtcd =
  'etcd-lite is a cluster of one; for more members run a real etcd cluster and point --etcd-servers at it'

const refused = (what: string): UsageError =>
  new UsageError(`${what} is not supported: ${useRealEtcd}`, { exitCode: 1 })

/** `etcd gateway` and `etcd grpc-proxy` are programs of their own. */
export const refuseSubcommand = (argv: readonly string[]): void => {
  const [first] = argv
  if (first !== 'gateway' && first !== 'grpc-proxy') return
  throw new UsageError(`etcd ${first} is not part of etcd-lite; a real etcd's works in front of it`, { exitCode: 1 })
}

const memberNames = (initialCluster: string): string[] =>
  initialCluster
    .split(',')
    .filter((part) => part !== '')
    .map((part) => part.split('=')[0]?.trim() ?? '')

export const checkClustering = (values: FlagValues<typeof etcdFlags>): void => {
  const names = [...new Set(memberNames(values['initial-cluster']))]
  if (names.length > 1) throw refused('--initial-cluster with several members')
  if (values['initial-cluster-state'] !== 'new') throw refused('--initial-cluster-state=existing')
  for (const flag of ['discovery', 'discovery-srv', 'discovery-srv-name'] as const) {
    if (values[flag] !== '') throw refused(`--${flag}`)
  }
  if (values.proxy !== 'off') throw refused('--proxy')
  const [name] = names
  if (name !== undefined && name !== values.name) {
    const cluster = `couldn't find local name ${JSON.stringify(values.name)} in the initial cluster configuration`
    throw new UsageError(cluster, { exitCode: 1 })
  }
}
