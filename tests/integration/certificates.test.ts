/**
 * Certificates that the cluster itself signs: a kubelet joins with a token, renews what it has while it runs, and
 * people's requests are signed as upstream's signers do it. They live for a minute here.
 */
import { useCluster } from '../harness/use-cluster.ts'
import { describeBootstrap } from './certificates/bootstrap.ts'
import { describeRotation } from './certificates/rotation.ts'
import { describeSigners } from './certificates/signers.ts'

const running = useCluster({
  nodes: 1,
  extraArgs: { 'kube-controller-manager': { 'cluster-signing-duration': '1m' } },
})

describeRotation(running)
describeBootstrap(running)
describeSigners(running)
