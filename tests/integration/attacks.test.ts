/**
 * What an attacker would try, each a test of its name: with stolen identities, through the proxies, with bombs of
 * input, on the wire. One node, for its kubelet. Classes of known CVEs stand in the names.
 */
import { useCluster } from '../harness/use-cluster.ts'
import { describeAuthorizationMatrix } from './attacks/authorization-matrix.ts'
import { describeInputBombs } from './attacks/input-bombs.ts'

const running = useCluster({ nodes: 1 })

describeAuthorizationMatrix(running)
describeInputBombs(running)
