/** Server-side apply and managedFields over the wire, on one control plane. */
import { useCluster } from '../harness/use-cluster.ts'
import { describeConfigurations } from './apply/configurations.ts'
import { describeEveryKindApplied } from './apply/every-kind.ts'
import { describeKubectlApply } from './apply/kubectl.ts'
import { describeOwnership } from './apply/ownership.ts'
import { describeTracking } from './apply/tracking.ts'

const running = useCluster()

describeConfigurations(running)
describeOwnership(running)
describeTracking(running)
describeKubectlApply(running)
describeEveryKindApplied(running)
