/** Who may not do what: identities, their ends, and the doors of every component. One node, for its kubelet. */
import { useCluster } from '../harness/use-cluster.ts'
import { describeAuthentication } from './security/authentication.ts'
import { describeDoors } from './security/doors.ts'
import { describeEscalation } from './security/escalation.ts'
import { describeKubelet } from './security/kubelet.ts'
import { describeNodeIdentity } from './security/node-identity.ts'

const running = useCluster({ nodes: 1 })

describeAuthentication(running)
describeEscalation(running)
describeNodeIdentity(running)
describeDoors(running)
describeKubelet(running)
