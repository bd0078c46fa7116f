/** Addresses and ports of Services where two API servers give them. */
import { useCluster } from '../harness/use-cluster.ts'
import { describeTwoServers } from './services/two-servers.ts'

describeTwoServers(
  useCluster({ extraArgs: { 'kube-apiserver': { 'service-cluster-ip-range': '10.97.0.0/16,fd97::/108' } } }),
)
