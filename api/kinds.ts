import { mutatingAdmissionPolicyBindingKind } from './admissionregistration/mutating-admission-policy-binding.ts'
import { mutatingAdmissionPolicyKind } from './admissionregistration/mutating-admission-policy.ts'
import { mutatingWebhookConfigurationKind } from './admissionregistration/mutating-webhook-configuration.ts'
import { validatingAdmissionPolicyBindingKind } from './admissionregistration/validating-admission-policy-binding.ts'
import { validatingAdmissionPolicyKind } from './admissionregistration/validating-admission-policy.ts'
import { validatingWebhookConfigurationKind } from './admissionregistration/validating-webhook-configuration.ts'
import { customResourceDefinitionKind } from './apiextensions/custom-resource-definition.ts'
import { apiServiceKind } from './apiregistration/api-service.ts'
import { controllerRevisionKind } from './apps/controller-revision.ts'
import { daemonSetKind } from './apps/daemon-set.ts'
import { deploymentKind } from './apps/deployment.ts'
import { replicaSetKind } from './apps/replica-set.ts'
import { statefulSetKind } from './apps/stateful-set.ts'
import { selfSubjectReviewKind } from './authentication/self-subject-review.ts'
import { tokenReviewKind } from './authentication/token-review.ts'
import { localSubjectAccessReviewKind } from './authorization/local-subject-access-review.ts'
import { selfSubjectAccessReviewKind } from './authorization/self-subject-access-review.ts'
import { selfSubjectRulesReviewKind } from './authorization/self-subject-rules-review.ts'
import { subjectAccessReviewKind } from './authorization/subject-access-review.ts'
import { horizontalPodAutoscalerV1Kind } from './autoscaling/horizontal-pod-autoscaler-v1.ts'
import { horizontalPodAutoscalerKind } from './autoscaling/horizontal-pod-autoscaler.ts'
import { cronJobKind } from './batch/cron-job.ts'
import { jobKind } from './batch/job.ts'
import { certificateSigningRequestKind } from './certificates/certificate-signing-request.ts'
import { clusterTrustBundleKind, clusterTrustBundleV1alpha1Kind } from './certificates/cluster-trust-bundle.ts'
import { leaseKind } from './coordination/lease.ts'
import { bindingKind } from './core/binding.ts'
import { componentStatusKind } from './core/component-status.ts'
import { configMapKind } from './core/config-map.ts'
import { endpointsKind } from './core/endpoints.ts'
import { eventKind } from './core/event.ts'
import { limitRangeKind } from './core/limit-range.ts'
import { namespaceKind } from './core/namespace.ts'
import { nodeKind } from './core/node.ts'
import { persistentVolumeClaimKind } from './core/persistent-volume-claim.ts'
import { persistentVolumeKind } from './core/persistent-volume.ts'
import { podTemplateKind } from './core/pod-template.ts'
import { podKind } from './core/pod/pod.ts'
import { replicationControllerKind } from './core/replication-controller.ts'
import { resourceQuotaKind } from './core/resource-quota.ts'
import { secretKind } from './core/secret.ts'
import { serviceAccountKind } from './core/service-account.ts'
import { serviceKind } from './core/service.ts'
import { endpointSliceKind } from './discovery/endpoint-slice.ts'
import { eventsV1EventKind } from './events/event.ts'
import { flowSchemaKind } from './flowcontrol/flow-schema.ts'
import { priorityLevelConfigurationKind } from './flowcontrol/priority-level-configuration.ts'
import { ingressClassKind } from './networking/ingress-class.ts'
import { ingressKind } from './networking/ingress.ts'
import { ipAddressKind } from './networking/ip-address.ts'
import { networkPolicyKind } from './networking/network-policy.ts'
import { serviceCIDRKind } from './networking/service-cidr.ts'
import { runtimeClassKind } from './node/runtime-class.ts'
import { podDisruptionBudgetKind } from './policy/pod-disruption-budget.ts'
import { clusterRoleBindingKind } from './rbac/cluster-role-binding.ts'
import { clusterRoleKind } from './rbac/cluster-role.ts'
import { roleBindingKind } from './rbac/role-binding.ts'
import { roleKind } from './rbac/role.ts'
import { deviceClassKind } from './resource/device-class.ts'
import { resourceClaimTemplateKind } from './resource/resource-claim-template.ts'
import { resourceClaimKind } from './resource/resource-claim.ts'
import { resourceSliceKind } from './resource/resource-slice.ts'
import { priorityClassKind } from './scheduling/priority-class.ts'
import { csiDriverKind } from './storage/csi-driver.ts'
import { csiNodeKind } from './storage/csi-node.ts'
import { csiStorageCapacityKind } from './storage/csi-storage-capacity.ts'
import { storageClassKind } from './storage/storage-class.ts'
import { volumeAttachmentKind } from './storage/volume-attachment.ts'
import { volumeAttributesClassKind } from './storage/volume-attributes-class.ts'
import type { KindDefinition } from './kind.ts'

/** Every built-in kind of v1.36 that is generally available, in upstream's order of groups. */
export const kinds: readonly KindDefinition[] = [
  podKind,
  nodeKind,
  namespaceKind,
  serviceKind,
  endpointsKind,
  secretKind,
  configMapKind,
  serviceAccountKind,
  persistentVolumeKind,
  persistentVolumeClaimKind,
  replicationControllerKind,
  resourceQuotaKind,
  limitRangeKind,
  podTemplateKind,
  bindingKind,
  componentStatusKind,
  eventKind,
  deploymentKind,
  replicaSetKind,
  statefulSetKind,
  daemonSetKind,
  controllerRevisionKind,
  eventsV1EventKind,
  tokenReviewKind,
  selfSubjectReviewKind,
  subjectAccessReviewKind,
  localSubjectAccessReviewKind,
  selfSubjectAccessReviewKind,
  selfSubjectRulesReviewKind,
  horizontalPodAutoscalerKind,
  horizontalPodAutoscalerV1Kind,
  jobKind,
  cronJobKind,
  certificateSigningRequestKind,
  ingressKind,
  ingressClassKind,
  networkPolicyKind,
  serviceCIDRKind,
  ipAddressKind,
  podDisruptionBudgetKind,
  roleKind,
  roleBindingKind,
  clusterRoleKind,
  clusterRoleBindingKind,
  storageClassKind,
  csiDriverKind,
  csiNodeKind,
  csiStorageCapacityKind,
  volumeAttachmentKind,
  volumeAttributesClassKind,
  validatingWebhookConfigurationKind,
  mutatingWebhookConfigurationKind,
  validatingAdmissionPolicyKind,
  validatingAdmissionPolicyBindingKind,
  mutatingAdmissionPolicyKind,
  mutatingAdmissionPolicyBindingKind,
  customResourceDefinitionKind,
  priorityClassKind,
  leaseKind,
  runtimeClassKind,
  endpointSliceKind,
  flowSchemaKind,
  priorityLevelConfigurationKind,
  deviceClassKind,
  resourceClaimKind,
  resourceClaimTemplateKind,
  resourceSliceKind,
  apiServiceKind,
]

/** Kinds of alpha and beta versions: served when `--runtime-config` asks for them. */
export const optionalKinds: readonly KindDefinition[] = [clusterTrustBundleKind, clusterTrustBundleV1alpha1Kind]

export interface ApiGroup {
  /** '' is the core group. */
  readonly name: string
  /** Preferred first. */
  readonly versions: readonly string[]
  readonly preferredVersion: string
  /** APIService.spec.groupPriorityMinimum: groups are listed from high to low. */
  readonly priority: number
}

const group = (name: string, priority: number, preferredVersion = 'v1', ...others: readonly string[]): ApiGroup => ({
  name,
  priority,
  preferredVersion,
  versions: [preferredVersion, ...others],
})

/** The group of APIServices has none itself: its server comes before all others. */
export const aggregatorGroup = 'apiregistration.k8s.io'

/** Of versions that differ from the usual 15. Upstream: apiVersionPriorities. */
const versionPriorities: Readonly<Record<string, number>> = {
  '/v1': 1,
  'autoscaling/v2': 30,
  'certificates.k8s.io/v1beta1': 9,
  'certificates.k8s.io/v1alpha1': 1,
  'flowcontrol.apiserver.k8s.io/v1': 21,
  'resource.k8s.io/v1': 20,
}

/** APIService.spec.versionPriority of a built-in version. */
export const versionPriorityOf = (groupName: string, version: string): number =>
  versionPriorities[`${groupName}/${version}`] ?? 15

/**
 * The groups in the order of discovery. apiregistration.k8s.io is the aggregator's own and comes first.
 * Upstream: pkg/controlplane/apiserver/aggregator.go.
 */
export const apiGroups: readonly ApiGroup[] = [
  group('', 18000),
  group(aggregatorGroup, 18000),
  group('apps', 17800),
  group('events.k8s.io', 17750),
  group('authentication.k8s.io', 17700),
  group('authorization.k8s.io', 17600),
  group('autoscaling', 17500, 'v2', 'v1'),
  group('batch', 17400),
  group('certificates.k8s.io', 17300),
  group('networking.k8s.io', 17200),
  group('policy', 17100),
  group('rbac.authorization.k8s.io', 17000),
  group('storage.k8s.io', 16800),
  group('admissionregistration.k8s.io', 16700),
  group('apiextensions.k8s.io', 16700),
  group('scheduling.k8s.io', 16600),
  group('coordination.k8s.io', 16500),
  group('node.k8s.io', 16300),
  group('discovery.k8s.io', 16200),
  group('resource.k8s.io', 16200),
  group('flowcontrol.apiserver.k8s.io', 16100),
]

const everyKind = [...kinds, ...optionalKinds]
const byKind = new Map(everyKind.map((kind) => [`${kind.group}/${kind.version}/${kind.kind}`, kind]))
const byResource = new Map(everyKind.map((kind) => [`${kind.group}/${kind.version}/${kind.plural}`, kind]))

/** The built-in kind, or undefined: `findKind('apps', 'v1', 'Deployment')`. */
export const findKind = (groupName: string, version: string, kind: string): KindDefinition | undefined =>
  byKind.get(`${groupName}/${version}/${kind}`)

/** The built-in kind that is served under a plural name: `findResource('', 'v1', 'pods')`. */
export const findResource = (groupName: string, version: string, plural: string): KindDefinition | undefined =>
  byResource.get(`${groupName}/${version}/${plural}`)
