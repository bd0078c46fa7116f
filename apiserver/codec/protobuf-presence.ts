/**
 * Which zero values of a protobuf message mean something. Go writes fields that are no pointers even when they are
 * zero, which JSON would leave out; a pointer is only written when set, and then its zero counts (`replicas: 0`).
 * The wire does not tell the two apart, so this table does.
 */

/** bool pointers: `false` was said on purpose. Names are unambiguous across all kinds but where noted. */
const pointerBools = new Set([
  'adminAccess',
  'allocateLoadBalancerNodePorts',
  'allowPrivilegeEscalation',
  'allowVolumeExpansion',
  'attachRequired',
  'automountServiceAccountToken',
  'blockOwnerDeletion',
  'controller',
  'enableServiceLinks',
  'hostProcess',
  'hostUsers',
  'immutable',
  'manualSelector',
  'optional',
  'orphanDependents',
  'podInfoOnMount',
  'privileged',
  'readOnlyRootFilesystem',
  'requiresRepublish',
  'runAsNonRoot',
  'seLinuxMount',
  'serving',
  'setHostnameAsFQDN',
  'shareProcessNamespace',
  'started',
  'storageCapacity',
  'suspend',
  'terminating',
  'xKubernetesPreserveUnknownFields',
  'EndpointConditions.ready',
])

/** Numbers that are no pointers: zero is absence. */
const plainNumbers = new Set([
  'active',
  'availableReplicas',
  'collisionCount',
  'count',
  'currentReplicas',
  'expectedPods',
  'failed',
  'fullyLabeledReplicas',
  'generation',
  'hostPort',
  'lun',
  'minReadySeconds',
  'nodePort',
  'numberAvailable',
  'numberUnavailable',
  'observedGeneration',
  'partition',
  'readyReplicas',
  'retryAfterSeconds',
  'signal',
  'succeeded',
  'unavailableReplicas',
  'updatedNumberScheduled',
  'updatedReplicas',
  'Probe.failureThreshold',
  'Probe.initialDelaySeconds',
  'Probe.periodSeconds',
  'Probe.successThreshold',
  'Probe.timeoutSeconds',
  'ScaleSpec.replicas',
  'LimitedPriorityLevelConfiguration.nominalConcurrencyShares',
])

/** string pointers whose empty string differs from absence. */
const pointerStrings = new Set(['storageClassName', 'EndpointPort.name', 'volumeAttributesClassName'])

const listed = (set: ReadonlySet<string>, message: string, field: string): boolean =>
  set.has(field) || set.has(`${message}.${field}`)

/** True if a zero value of this field is to be kept. `message` is the short name of the message. */
export const keepsZero = (type: string, message: string, field: string): boolean => {
  switch (type) {
    case 'bool':
      return listed(pointerBools, message, field)
    case 'string':
      return listed(pointerStrings, message, field)
    default:
      return !listed(plainNumbers, message, field)
  }
}
