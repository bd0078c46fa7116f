/** All controllers, and which of them `--controllers` asks for. */
import { UsageError } from '../component-base/process/run.ts'
import { controllerAliases, dormantControllers } from './controller-names.ts'
import type { Controller } from './context.ts'
import { attachDetachController } from './attach-detach/controller.ts'
import { bootstrapSignerController } from './bootstrap/signer.ts'
import { tokenCleanerController } from './bootstrap/token-cleaner.ts'
import { clusterRoleAggregationController } from './clusterrole-aggregation/controller.ts'
import { csrApprovingController } from './csr-approving/controller.ts'
import { csrCleanerController } from './csr-cleaner/controller.ts'
import { csrSigningController } from './csr-signing/controller.ts'
import { serviceAccountTokenController } from './serviceaccount-token/controller.ts'
import { ttlController } from './ttl/controller.ts'
import { cronJobController } from './cronjob/controller.ts'
import { daemonSetController } from './daemonset/controller.ts'
import { deviceTaintEvictionController } from './device-taint-eviction/controller.ts'
import { disruptionController } from './disruption/controller.ts'
import { jobController } from './job/controller.ts'
import { nodeLifecycleController } from './node-lifecycle/controller.ts'
import { persistentVolumeBinder } from './persistentvolume-binder/controller.ts'
import { podGarbageCollector } from './podgc/controller.ts'
import { statefulSetController } from './statefulset/controller.ts'
import { taintEvictionController } from './taint-eviction/controller.ts'
import { ttlAfterFinishedController } from './ttl-after-finished/controller.ts'
import { deploymentController } from './deployment/controller.ts'
import { ephemeralVolumeController } from './ephemeral-volume/controller.ts'
import { legacyServiceAccountTokenCleaner } from './legacy-serviceaccount-token-cleaner/controller.ts'
import { horizontalPodAutoscalerController } from './horizontal-pod-autoscaler/controller.ts'
import { volumeAttributesClassProtectionController } from './volumeattributesclass-protection/controller.ts'
import { endpointsController } from './endpoints/controller.ts'
import { endpointSliceMirroringController } from './endpointslice-mirroring/controller.ts'
import { endpointSliceController } from './endpointslice/controller.ts'
import { garbageCollector } from './garbage-collector/controller.ts'
import { namespaceController } from './namespace/controller.ts'
import { nodeIpamController } from './node-ipam/controller.ts'
import { replicaSetController, replicationControllerController } from './replicaset/controller.ts'
import { resourceClaimController } from './resourceclaim/controller.ts'
import { resourceQuotaController } from './resourcequota/controller.ts'
import { rootCaPublisher } from './root-ca-publisher/controller.ts'
import { selinuxWarningController } from './selinux-warning/controller.ts'
import { serviceCidrController } from './service-cidr/controller.ts'
import { serviceAccountController } from './serviceaccount/controller.ts'
import { trustBundlePublisher } from './trust-bundle-publisher/controller.ts'
import { validatingAdmissionPolicyStatusController } from './validatingadmissionpolicy-status/controller.ts'
import { volumeExpandController } from './volume-expand/controller.ts'
import { claimProtectionController, volumeProtectionController } from './volume-protection/controller.ts'

/** In order of start; the garbage collector is last, so that its narrow caches never stand in for full ones. */
export const controllers: readonly Controller[] = [
  serviceAccountTokenController,
  serviceAccountController,
  legacyServiceAccountTokenCleaner,
  rootCaPublisher,
  trustBundlePublisher,
  clusterRoleAggregationController,
  csrApprovingController,
  csrSigningController,
  csrCleanerController,
  bootstrapSignerController,
  tokenCleanerController,
  ttlController,
  nodeIpamController,
  replicaSetController,
  replicationControllerController,
  deploymentController,
  endpointsController,
  endpointSliceController,
  endpointSliceMirroringController,
  daemonSetController,
  statefulSetController,
  jobController,
  cronJobController,
  ttlAfterFinishedController,
  nodeLifecycleController,
  taintEvictionController,
  podGarbageCollector,
  disruptionController,
  horizontalPodAutoscalerController,
  resourceQuotaController,
  persistentVolumeBinder,
  attachDetachController,
  volumeExpandController,
  claimProtectionController,
  volumeProtectionController,
  volumeAttributesClassProtectionController,
  ephemeralVolumeController,
  resourceClaimController,
  deviceTaintEvictionController,
  selinuxWarningController,
  serviceCidrController,
  validatingAdmissionPolicyStatusController,
  namespaceController,
  garbageCollector,
]

/** The controllers to run; what is said first of a controller counts. Throws UsageError for a name that nobody has. */
export const selectControllers = (selection: readonly string[]): readonly Controller[] => {
  const known = new Set([...controllers.map(({ name }) => name), ...dormantControllers])
  const explicit = new Map<string, boolean>()
  for (const item of selection) {
    if (item === '*') continue
    const isOff = item.startsWith('-')
    const given = isOff ? item.slice(1) : item
    const name = Object.hasOwn(controllerAliases, given) ? (controllerAliases[given] ?? given) : given
    if (!known.has(name)) throw new UsageError(`"${given}" is not in the list of known controllers`)
    if (!explicit.has(name)) explicit.set(name, !isOff)
  }
  const byDefault = selection.includes('*')
  return controllers.filter(({ name, offByDefault }) => explicit.get(name) ?? (byDefault && offByDefault !== true))
}
