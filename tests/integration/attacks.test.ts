/**
 * What an attacker would try, each a test of its name: with stolen identities, with bombs of input, on the wire.
 * One node, for its kubelet; everything logs as much as it can. Through proxies: attacks/smuggling.ts, in proxy.test.ts.
 */
import { useCluster } from '../harness/use-cluster.ts'
import { describeAuthorizationMatrix } from './attacks/authorization-matrix.ts'
import { describeInputBombs } from './attacks/input-bombs.ts'
import { describeLogs } from './attacks/logs.ts'
import { describeRequests } from './attacks/requests.ts'
import { describeTokens } from './attacks/tokens.ts'
import { describeWatchHoarder } from './attacks/watch-hoarder.ts'
import { describeWire } from './attacks/wire.ts'

const loud = { v: '9' }
const running = useCluster({
  nodes: 1,
  extraArgs: {
    'kube-apiserver': loud,
    'kube-controller-manager': loud,
    'kube-scheduler': loud,
    etcd: { 'log-level': 'debug' },
  },
})

describeAuthorizationMatrix(running)
describeTokens(running)
describeRequests(running)
describeWire(running)
describeWatchHoarder(running)
describeLogs(running)
describeInputBombs(running)
