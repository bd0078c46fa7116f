/**
 * Typed references to every built-in resource: what a client names when it asks. The list is v1.36's GA kinds.
 * Custom resources get a reference from `resourceRef`.
 */
import type {
  APIService,
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  CertificateSigningRequest,
  ClusterRole,
  ClusterRoleBinding,
  ClusterTrustBundle,
  ComponentStatus,
  ConfigMap,
  ControllerRevision,
  CronJob,
  CustomResourceDefinition,
  DaemonSet,
  Deployment,
  DeviceClass,
  EndpointSlice,
  Endpoints,
  Event,
  EventsV1Event,
  FlowSchema,
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerV1,
  IPAddress,
  Ingress,
  IngressClass,
  Job,
  KubeObject,
  Lease,
  LimitRange,
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  MutatingWebhookConfiguration,
  Namespace,
  NetworkPolicy,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  PodDisruptionBudget,
  PodTemplate,
  PriorityClass,
  PriorityLevelConfiguration,
  ReplicaSet,
  ReplicationController,
  ResourceClaim,
  ResourceClaimTemplate,
  ResourceQuota,
  ResourceSlice,
  Role,
  RoleBinding,
  RuntimeClass,
  Secret,
  Service,
  ServiceAccount,
  ServiceCIDR,
  StatefulSet,
  StorageClass,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingWebhookConfiguration,
  VolumeAttachment,
  VolumeAttributesClass,
} from './types.ts'

/** One resource in one version; T is the type of its objects. */
export interface ResourceRef<T extends KubeObject = KubeObject> {
  /** '' is the core group. */
  readonly group: string
  readonly version: string
  /** The plural name in paths. */
  readonly resource: string
  readonly kind: string
  readonly namespaced: boolean
  /** Never set: it only carries T. */
  readonly _type?: T
}

/** A reference made at run time, as for custom resources. */
export const resourceRef = <T extends KubeObject = KubeObject>(ref: Omit<ResourceRef<T>, '_type'>): ResourceRef<T> =>
  ref

const namespaced = <T extends KubeObject>(
  group: string,
  version: string,
  resource: string,
  kind: string,
): ResourceRef<T> => ({ group, version, resource, kind, namespaced: true })

const clusterScoped = <T extends KubeObject>(
  group: string,
  version: string,
  resource: string,
  kind: string,
): ResourceRef<T> => ({ group, version, resource, kind, namespaced: false })

/** `v1` or `apps/v1`. */
export const apiVersionOf = ({ group, version }: { readonly group: string; readonly version: string }): string =>
  group === '' ? version : `${group}/${version}`

/** `/api/v1` or `/apis/apps/v1`. */
export const groupVersionPath = (ref: { readonly group: string; readonly version: string }): string =>
  ref.group === '' ? `/api/${ref.version}` : `/apis/${ref.group}/${ref.version}`

/**
 * The URL path of a collection, an object or its subresource. Names are escaped; a namespaced resource without
 * namespace is the collection over all namespaces.
 */
export const resourcePath = (
  ref: Omit<ResourceRef, '_type'>,
  namespace?: string,
  name?: string,
  subresource?: string,
): string => {
  const scope =
    ref.namespaced && namespace !== undefined && namespace !== '' ? `/namespaces/${encodeURIComponent(namespace)}` : ''
  const object = name === undefined || name === '' ? '' : `/${encodeURIComponent(name)}`
  const sub = subresource === undefined || subresource === '' ? '' : `/${subresource}`
  return `${groupVersionPath(ref)}${scope}/${ref.resource}${object}${sub}`
}

// core/v1
export const componentStatuses = clusterScoped<ComponentStatus>('', 'v1', 'componentstatuses', 'ComponentStatus')
export const configMaps = namespaced<ConfigMap>('', 'v1', 'configmaps', 'ConfigMap')
export const endpoints = namespaced<Endpoints>('', 'v1', 'endpoints', 'Endpoints')
export const events = namespaced<Event>('', 'v1', 'events', 'Event')
export const limitRanges = namespaced<LimitRange>('', 'v1', 'limitranges', 'LimitRange')
export const persistentVolumeClaims = namespaced<PersistentVolumeClaim>(
  '',
  'v1',
  'persistentvolumeclaims',
  'PersistentVolumeClaim',
)
export const pods = namespaced<Pod>('', 'v1', 'pods', 'Pod')
export const podTemplates = namespaced<PodTemplate>('', 'v1', 'podtemplates', 'PodTemplate')
export const replicationControllers = namespaced<ReplicationController>(
  '',
  'v1',
  'replicationcontrollers',
  'ReplicationController',
)
export const resourceQuotas = namespaced<ResourceQuota>('', 'v1', 'resourcequotas', 'ResourceQuota')
export const secrets = namespaced<Secret>('', 'v1', 'secrets', 'Secret')
export const serviceAccounts = namespaced<ServiceAccount>('', 'v1', 'serviceaccounts', 'ServiceAccount')
export const services = namespaced<Service>('', 'v1', 'services', 'Service')
export const namespaces = clusterScoped<Namespace>('', 'v1', 'namespaces', 'Namespace')
export const nodes = clusterScoped<Node>('', 'v1', 'nodes', 'Node')
export const persistentVolumes = clusterScoped<PersistentVolume>('', 'v1', 'persistentvolumes', 'PersistentVolume')

// admissionregistration.k8s.io/v1
export const mutatingAdmissionPolicies = clusterScoped<MutatingAdmissionPolicy>(
  'admissionregistration.k8s.io',
  'v1',
  'mutatingadmissionpolicies',
  'MutatingAdmissionPolicy',
)
export const mutatingAdmissionPolicyBindings = clusterScoped<MutatingAdmissionPolicyBinding>(
  'admissionregistration.k8s.io',
  'v1',
  'mutatingadmissionpolicybindings',
  'MutatingAdmissionPolicyBinding',
)
export const mutatingWebhookConfigurations = clusterScoped<MutatingWebhookConfiguration>(
  'admissionregistration.k8s.io',
  'v1',
  'mutatingwebhookconfigurations',
  'MutatingWebhookConfiguration',
)
export const validatingAdmissionPolicies = clusterScoped<ValidatingAdmissionPolicy>(
  'admissionregistration.k8s.io',
  'v1',
  'validatingadmissionpolicies',
  'ValidatingAdmissionPolicy',
)
export const validatingAdmissionPolicyBindings = clusterScoped<ValidatingAdmissionPolicyBinding>(
  'admissionregistration.k8s.io',
  'v1',
  'validatingadmissionpolicybindings',
  'ValidatingAdmissionPolicyBinding',
)
export const validatingWebhookConfigurations = clusterScoped<ValidatingWebhookConfiguration>(
  'admissionregistration.k8s.io',
  'v1',
  'validatingwebhookconfigurations',
  'ValidatingWebhookConfiguration',
)

// apiextensions.k8s.io/v1
export const customResourceDefinitions = clusterScoped<CustomResourceDefinition>(
  'apiextensions.k8s.io',
  'v1',
  'customresourcedefinitions',
  'CustomResourceDefinition',
)

// apiregistration.k8s.io/v1
export const apiServices = clusterScoped<APIService>('apiregistration.k8s.io', 'v1', 'apiservices', 'APIService')

// apps/v1
export const controllerRevisions = namespaced<ControllerRevision>(
  'apps',
  'v1',
  'controllerrevisions',
  'ControllerRevision',
)
export const daemonSets = namespaced<DaemonSet>('apps', 'v1', 'daemonsets', 'DaemonSet')
export const deployments = namespaced<Deployment>('apps', 'v1', 'deployments', 'Deployment')
export const replicaSets = namespaced<ReplicaSet>('apps', 'v1', 'replicasets', 'ReplicaSet')
export const statefulSets = namespaced<StatefulSet>('apps', 'v1', 'statefulsets', 'StatefulSet')

// autoscaling/v1
export const horizontalPodAutoscalersV1 = namespaced<HorizontalPodAutoscalerV1>(
  'autoscaling',
  'v1',
  'horizontalpodautoscalers',
  'HorizontalPodAutoscaler',
)

// autoscaling/v2
export const horizontalPodAutoscalers = namespaced<HorizontalPodAutoscaler>(
  'autoscaling',
  'v2',
  'horizontalpodautoscalers',
  'HorizontalPodAutoscaler',
)

// batch/v1
export const cronJobs = namespaced<CronJob>('batch', 'v1', 'cronjobs', 'CronJob')
export const jobs = namespaced<Job>('batch', 'v1', 'jobs', 'Job')

// certificates.k8s.io/v1
export const certificateSigningRequests = clusterScoped<CertificateSigningRequest>(
  'certificates.k8s.io',
  'v1',
  'certificatesigningrequests',
  'CertificateSigningRequest',
)

// certificates.k8s.io/v1beta1, off by default
export const clusterTrustBundles = clusterScoped<ClusterTrustBundle>(
  'certificates.k8s.io',
  'v1beta1',
  'clustertrustbundles',
  'ClusterTrustBundle',
)

// coordination.k8s.io/v1
export const leases = namespaced<Lease>('coordination.k8s.io', 'v1', 'leases', 'Lease')

// discovery.k8s.io/v1
export const endpointSlices = namespaced<EndpointSlice>('discovery.k8s.io', 'v1', 'endpointslices', 'EndpointSlice')

// events.k8s.io/v1
export const eventsV1 = namespaced<EventsV1Event>('events.k8s.io', 'v1', 'events', 'Event')

// flowcontrol.apiserver.k8s.io/v1
export const flowSchemas = clusterScoped<FlowSchema>('flowcontrol.apiserver.k8s.io', 'v1', 'flowschemas', 'FlowSchema')
export const priorityLevelConfigurations = clusterScoped<PriorityLevelConfiguration>(
  'flowcontrol.apiserver.k8s.io',
  'v1',
  'prioritylevelconfigurations',
  'PriorityLevelConfiguration',
)

// networking.k8s.io/v1
export const ingressClasses = clusterScoped<IngressClass>('networking.k8s.io', 'v1', 'ingressclasses', 'IngressClass')
export const ipAddresses = clusterScoped<IPAddress>('networking.k8s.io', 'v1', 'ipaddresses', 'IPAddress')
export const ingresses = namespaced<Ingress>('networking.k8s.io', 'v1', 'ingresses', 'Ingress')
export const networkPolicies = namespaced<NetworkPolicy>('networking.k8s.io', 'v1', 'networkpolicies', 'NetworkPolicy')
export const serviceCIDRs = clusterScoped<ServiceCIDR>('networking.k8s.io', 'v1', 'servicecidrs', 'ServiceCIDR')

// node.k8s.io/v1
export const runtimeClasses = clusterScoped<RuntimeClass>('node.k8s.io', 'v1', 'runtimeclasses', 'RuntimeClass')

// policy/v1
export const podDisruptionBudgets = namespaced<PodDisruptionBudget>(
  'policy',
  'v1',
  'poddisruptionbudgets',
  'PodDisruptionBudget',
)

// rbac.authorization.k8s.io/v1
export const clusterRoleBindings = clusterScoped<ClusterRoleBinding>(
  'rbac.authorization.k8s.io',
  'v1',
  'clusterrolebindings',
  'ClusterRoleBinding',
)
export const clusterRoles = clusterScoped<ClusterRole>('rbac.authorization.k8s.io', 'v1', 'clusterroles', 'ClusterRole')
export const roleBindings = namespaced<RoleBinding>('rbac.authorization.k8s.io', 'v1', 'rolebindings', 'RoleBinding')
export const roles = namespaced<Role>('rbac.authorization.k8s.io', 'v1', 'roles', 'Role')

// resource.k8s.io/v1
export const deviceClasses = clusterScoped<DeviceClass>('resource.k8s.io', 'v1', 'deviceclasses', 'DeviceClass')
export const resourceClaims = namespaced<ResourceClaim>('resource.k8s.io', 'v1', 'resourceclaims', 'ResourceClaim')
export const resourceClaimTemplates = namespaced<ResourceClaimTemplate>(
  'resource.k8s.io',
  'v1',
  'resourceclaimtemplates',
  'ResourceClaimTemplate',
)
export const resourceSlices = clusterScoped<ResourceSlice>('resource.k8s.io', 'v1', 'resourceslices', 'ResourceSlice')

// scheduling.k8s.io/v1
export const priorityClasses = clusterScoped<PriorityClass>(
  'scheduling.k8s.io',
  'v1',
  'priorityclasses',
  'PriorityClass',
)

// storage.k8s.io/v1
export const csiDrivers = clusterScoped<CSIDriver>('storage.k8s.io', 'v1', 'csidrivers', 'CSIDriver')
export const csiNodes = clusterScoped<CSINode>('storage.k8s.io', 'v1', 'csinodes', 'CSINode')
export const csiStorageCapacities = namespaced<CSIStorageCapacity>(
  'storage.k8s.io',
  'v1',
  'csistoragecapacities',
  'CSIStorageCapacity',
)
export const storageClasses = clusterScoped<StorageClass>('storage.k8s.io', 'v1', 'storageclasses', 'StorageClass')
export const volumeAttachments = clusterScoped<VolumeAttachment>(
  'storage.k8s.io',
  'v1',
  'volumeattachments',
  'VolumeAttachment',
)
export const volumeAttributesClasses = clusterScoped<VolumeAttributesClass>(
  'storage.k8s.io',
  'v1',
  'volumeattributesclasses',
  'VolumeAttributesClass',
)
