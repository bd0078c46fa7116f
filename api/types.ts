/**
 * Types of Kubernetes objects, from @kubernetes/client-node (generated from release-1.36), imported as types only.
 * On the wire and in memory times are RFC 3339 strings, so every Date of the generated types is a string here.
 */
import type * as k8s from '@kubernetes/client-node'

type Dashed<Name extends string> = Name extends `${infer Head}_${infer Tail}` ? `${Head}-${Dashed<Tail>}` : Name

/** The generator mangles names that TypeScript reserves (`_from`, `_default`) and dashes (`x_kubernetes_map_type`). */
type WireName<Name> = Name extends `_${infer Real}` ? Real : Name extends `x_${string}` ? Dashed<Name> : Name

/** The wire form of a generated type: Date becomes string, all the way down; names are those of the wire. */
export type Wire<T> = T extends Date
  ? string
  : T extends (infer Item)[]
    ? Wire<Item>[]
    : T extends object
      ? { [Key in keyof T as WireName<Key>]: Wire<T[Key]> }
      : T

export type ObjectMeta = Wire<k8s.V1ObjectMeta>
export type OwnerReference = Wire<k8s.V1OwnerReference>
export type LabelSelector = Wire<k8s.V1LabelSelector>

/** What every object has: the generic registry and the caches know no more than this. */
export interface KubeObject {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  [field: string]: unknown
}

/** An object as the API server returns it: named, with uid and resourceVersion. */
export type Stored<T> = T & { metadata: ObjectMeta & { name: string; uid: string; resourceVersion: string } }

type Typed<T> = Wire<T> & KubeObject
export type Pod = Typed<k8s.V1Pod>
export type Node = Typed<k8s.V1Node>
export type Namespace = Typed<k8s.V1Namespace>
export type Service = Typed<k8s.V1Service>
export type Endpoints = Typed<k8s.V1Endpoints>
export type Secret = Typed<k8s.V1Secret>
export type ConfigMap = Typed<k8s.V1ConfigMap>
export type ServiceAccount = Typed<k8s.V1ServiceAccount>
export type PersistentVolume = Typed<k8s.V1PersistentVolume>
export type PersistentVolumeClaim = Typed<k8s.V1PersistentVolumeClaim>
export type ReplicationController = Typed<k8s.V1ReplicationController>
export type ResourceQuota = Typed<k8s.V1ResourceQuota>
export type LimitRange = Typed<k8s.V1LimitRange>
export type PodTemplate = Typed<k8s.V1PodTemplate>
export type Binding = Typed<k8s.V1Binding>
export type ComponentStatus = Typed<k8s.V1ComponentStatus>
export type Deployment = Typed<k8s.V1Deployment>
export type ReplicaSet = Typed<k8s.V1ReplicaSet>
export type StatefulSet = Typed<k8s.V1StatefulSet>
export type DaemonSet = Typed<k8s.V1DaemonSet>
export type ControllerRevision = Typed<k8s.V1ControllerRevision>
export type Job = Typed<k8s.V1Job>
export type CronJob = Typed<k8s.V1CronJob>
export type EndpointSlice = Typed<k8s.V1EndpointSlice>
export type Ingress = Typed<k8s.V1Ingress>
export type IngressClass = Typed<k8s.V1IngressClass>
export type NetworkPolicy = Typed<k8s.V1NetworkPolicy>
export type ServiceCIDR = Typed<k8s.V1ServiceCIDR>
export type IPAddress = Typed<k8s.V1IPAddress>
export type PodDisruptionBudget = Typed<k8s.V1PodDisruptionBudget>
export type Eviction = Typed<k8s.V1Eviction>
export type Lease = Typed<k8s.V1Lease>
export type RuntimeClass = Typed<k8s.V1RuntimeClass>
export type PriorityClass = Typed<k8s.V1PriorityClass>
export type Role = Typed<k8s.V1Role>
export type RoleBinding = Typed<k8s.V1RoleBinding>
export type ClusterRole = Typed<k8s.V1ClusterRole>
export type ClusterRoleBinding = Typed<k8s.V1ClusterRoleBinding>
export type SubjectAccessReview = Typed<k8s.V1SubjectAccessReview>
export type LocalSubjectAccessReview = Typed<k8s.V1LocalSubjectAccessReview>
export type SelfSubjectAccessReview = Typed<k8s.V1SelfSubjectAccessReview>
export type SelfSubjectRulesReview = Typed<k8s.V1SelfSubjectRulesReview>
export type TokenReview = Typed<k8s.V1TokenReview>
export type SelfSubjectReview = Typed<k8s.V1SelfSubjectReview>
export type CertificateSigningRequest = Typed<k8s.V1CertificateSigningRequest>
export type ClusterTrustBundle = Typed<k8s.V1beta1ClusterTrustBundle>
export type ValidatingWebhookConfiguration = Typed<k8s.V1ValidatingWebhookConfiguration>
export type MutatingWebhookConfiguration = Typed<k8s.V1MutatingWebhookConfiguration>
export type ValidatingAdmissionPolicy = Typed<k8s.V1ValidatingAdmissionPolicy>
export type ValidatingAdmissionPolicyBinding = Typed<k8s.V1ValidatingAdmissionPolicyBinding>
export type MutatingAdmissionPolicy = Typed<k8s.V1MutatingAdmissionPolicy>
export type MutatingAdmissionPolicyBinding = Typed<k8s.V1MutatingAdmissionPolicyBinding>
export type CustomResourceDefinition = Typed<k8s.V1CustomResourceDefinition>
export type APIService = Typed<k8s.V1APIService>
export type FlowSchema = Typed<k8s.V1FlowSchema>
export type PriorityLevelConfiguration = Typed<k8s.V1PriorityLevelConfiguration>
export type StorageClass = Typed<k8s.V1StorageClass>
export type CSIDriver = Typed<k8s.V1CSIDriver>
export type CSINode = Typed<k8s.V1CSINode>
export type CSIStorageCapacity = Typed<k8s.V1CSIStorageCapacity>
export type VolumeAttachment = Typed<k8s.V1VolumeAttachment>
export type VolumeAttributesClass = Typed<k8s.V1VolumeAttributesClass>
export type DeviceClass = Typed<k8s.V1DeviceClass>
export type ResourceClaim = Typed<k8s.ResourceV1ResourceClaim>
export type ResourceClaimTemplate = Typed<k8s.V1ResourceClaimTemplate>
export type ResourceSlice = Typed<k8s.V1ResourceSlice>
export type Scale = Typed<k8s.V1Scale>
export type HorizontalPodAutoscaler = Typed<k8s.V2HorizontalPodAutoscaler>
export type HorizontalPodAutoscalerV1 = Typed<k8s.V1HorizontalPodAutoscaler>
export type Event = Typed<k8s.CoreV1Event>
export type EventsV1Event = Typed<k8s.EventsV1Event>
export type TokenRequest = Typed<k8s.AuthenticationV1TokenRequest>
export type PodSpec = Wire<k8s.V1PodSpec>
export type PodTemplateSpec = Wire<k8s.V1PodTemplateSpec>
export type PodStatus = Wire<k8s.V1PodStatus>
export type Container = Wire<k8s.V1Container>
export type ContainerStatus = Wire<k8s.V1ContainerStatus>
export type Volume = Wire<k8s.V1Volume>
export type Probe = Wire<k8s.V1Probe>
export type Toleration = Wire<k8s.V1Toleration>
export type Taint = Wire<k8s.V1Taint>
export type ServicePort = Wire<k8s.V1ServicePort>
export type ResourceRequirements = Wire<k8s.V1ResourceRequirements>
