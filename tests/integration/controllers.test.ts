/** Controllers of the controller-manager against a real control plane. */
import { useCluster } from '../harness/use-cluster.ts'
import { describeAttachments } from './controllers/attachments.ts'
import { describeAutoscaling } from './controllers/autoscaling.ts'
import { describeEphemeralVolumes } from './controllers/ephemeral-volumes.ts'
import { describeIdentityLease } from './controllers/identity-lease.ts'
import { describeMetrics } from './controllers/metrics.ts'
import { describeResourceClaims } from './controllers/resource-claims.ts'
import { describeTrafficHints } from './controllers/traffic-hints.ts'
import { describeVolumeAttributesClasses } from './controllers/volume-attributes-classes.ts'
import { describeVolumeBinding } from './controllers/volume-binding.ts'

const running = useCluster({
  extraArgs: { 'kube-controller-manager': { 'horizontal-pod-autoscaler-sync-period': '300ms' } },
})

describeAutoscaling(running)
describeAttachments(running)
describeEphemeralVolumes(running)
describeIdentityLease(running)
describeMetrics(running)
describeResourceClaims(running)
describeTrafficHints(running)
describeVolumeAttributesClasses(running)
describeVolumeBinding(running)
