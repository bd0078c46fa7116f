/** Addresses and ports of Services where there are few. */
import { useCluster } from '../harness/use-cluster.ts'
import { describeSmallRange, smallPorts, smallRange } from './services/small-range.ts'

const flags = { 'service-cluster-ip-range': smallRange, 'service-node-port-range': smallPorts }

describeSmallRange(useCluster({ extraArgs: { 'kube-apiserver': flags } }))
