/** All controllers, and which of them `--controllers` asks for. */
import { UsageError } from '../component-base/process/run.ts'
import type { Controller } from './context.ts'
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
import { resourceQuotaController } from './resourcequota/controller.ts'
import { rootCaPublisher } from './root-ca-publisher/controller.ts'
import { serviceCidrController } from './service-cidr/controller.ts'
import { serviceAccountController } from './serviceaccount/controller.ts'
import { validatingAdmissionPolicyStatusController } from './validatingadmissionpolicy-status/controller.ts'
import { claimProtectionController, volumeProtectionController } from './volume-protection/controller.ts'

/** In order of start; the garbage collector is last, so that its narrow caches never stand in for full ones. */
export const controllers: readonly Controller[] = [
  serviceAccountTokenController,
  serviceAccountController,
  legacyServiceAccountTokenCleaner,
  rootCaPublisher,
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
  claimProtectionController,
  volumeProtectionController,
  volumeAttributesClassProtectionController,
  ephemeralVolumeController,
  serviceCidrController,
  validatingAdmissionPolicyStatusController,
  namespaceController,
  garbageCollector,
]

/** Short names that upstream has kept for older command lines. */
const aliases: Readonly<Record<string, string>> = {
  serviceaccount: 'serviceaccount-controller',
  'root-ca-cert-publisher': 'root-ca-certificate-publisher-controller',
  nodeipam: 'node-ipam-controller',
  replicaset: 'replicaset-controller',
  replicationcontroller: 'replicationcontroller-controller',
  deployment: 'deployment-controller',
  endpoint: 'endpoints-controller',
  endpointslice: 'endpointslice-controller',
  namespace: 'namespace-controller',
  garbagecollector: 'garbage-collector-controller',
  daemonset: 'daemonset-controller',
  job: 'job-controller',
  statefulset: 'statefulset-controller',
  cronjob: 'cronjob-controller',
  nodelifecycle: 'node-lifecycle-controller',
  podgc: 'pod-garbage-collector-controller',
  resourcequota: 'resourcequota-controller',
  disruption: 'disruption-controller',
  horizontalpodautoscaling: 'horizontal-pod-autoscaler-controller',
  ttl: 'ttl-controller',
  'ttl-after-finished': 'ttl-after-finished-controller',
  csrsigning: 'certificatesigningrequest-signing-controller',
  csrapproving: 'certificatesigningrequest-approving-controller',
  bootstrapsigner: 'bootstrap-signer-controller',
  tokencleaner: 'token-cleaner-controller',
  csrcleaner: 'certificatesigningrequest-cleaner-controller',
  'clusterrole-aggregation': 'clusterrole-aggregation-controller',
  'persistentvolume-binder': 'persistentvolume-binder-controller',
  'pvc-protection': 'persistentvolumeclaim-protection-controller',
  'pv-protection': 'persistentvolume-protection-controller',
  'ephemeral-volume': 'ephemeral-volume-controller',
  'legacy-serviceaccount-token-cleaner': 'legacy-serviceaccount-token-cleaner-controller',
  'serviceaccount-token': 'serviceaccount-token-controller',
}

/** The controllers to run. Throws UsageError for a name that upstream does not have either. */
export const selectControllers = (selection: readonly string[]): readonly Controller[] => {
  const known = new Set([...controllers.map(({ name }) => name), ...Object.values(aliases)])
  const wanted = new Set<string>()
  const unwanted = new Set<string>()
  for (const item of selection.filter((entry) => entry !== '*')) {
    const isOff = item.startsWith('-')
    const given = isOff ? item.slice(1) : item
    const name = aliases[given] ?? given
    if (!known.has(name)) throw new UsageError(`"${given}" is not in the list of known controllers`)
    // One that upstream has and we have not may be switched off; to ask for it and get nothing would be a lie.
    if (!isOff && !controllers.some((controller) => controller.name === name)) {
      throw new UsageError(`controller "${given}" is not implemented by kubets`)
    }
    ;(isOff ? unwanted : wanted).add(name)
  }
  const byDefault = selection.includes('*')
  return controllers.filter(({ name, offByDefault }) => {
    if (unwanted.has(name)) return false
    return wanted.has(name) || (byDefault && offByDefault !== true)
  })
}
