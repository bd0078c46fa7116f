/** Addresses and ports of Services, on a cluster with both IP families. */
import { useCluster } from '../harness/use-cluster.ts'
import { describeDualStack } from './services/dual-stack.ts'
import { describeNodePorts } from './services/node-ports.ts'
import { describeServiceCidrs } from './services/service-cidrs.ts'

const running = useCluster({
  extraArgs: { 'kube-apiserver': { 'service-cluster-ip-range': '10.97.0.0/16,fd97::/108' } },
})

describeDualStack(running)
describeNodePorts(running)
describeServiceCidrs(running)
