/** Controllers of the controller-manager against a real control plane. */
import { useCluster } from '../harness/use-cluster.ts'
import { describeAutoscaling } from './controllers/autoscaling.ts'
import { describeEphemeralVolumes } from './controllers/ephemeral-volumes.ts'
import { describeVolumeAttributesClasses } from './controllers/volume-attributes-classes.ts'

const running = useCluster({
  extraArgs: { 'kube-controller-manager': { 'horizontal-pod-autoscaler-sync-period': '300ms' } },
})

describeAutoscaling(running)
describeEphemeralVolumes(running)
describeVolumeAttributesClasses(running)
