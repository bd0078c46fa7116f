import { defineKind } from '../../kind.ts'
import { warningsForPod } from '../warnings/pod.ts'
import type { Pod } from '../../types.ts'
import { actionSubresource, proxySubresource, streamSubresource } from '../subresources.ts'
import { podColumns } from './columns.ts'
import { setPodDefaults } from './defaults.ts'
import { gracefulDeletion, prepareForCreate, prepareForStatusUpdate, prepareForUpdate } from './strategy.ts'
import { validatePod, validatePodCreate, validatePodStatusUpdate, validatePodUpdate } from './validation.ts'

export const podKind = defineKind<Pod>({
  group: '',
  version: 'v1',
  kind: 'Pod',
  plural: 'pods',
  scope: 'Namespaced',
  shortNames: ['po'],
  categories: ['all'],
  subresources: [
    streamSubresource('attach', 'PodAttachOptions'),
    actionSubresource('binding', '', 'v1', 'Binding'),
    'ephemeralcontainers',
    actionSubresource('eviction', 'policy', 'v1', 'Eviction'),
    streamSubresource('exec', 'PodExecOptions'),
    { name: 'log', verbs: ['get'] },
    streamSubresource('portforward', 'PodPortForwardOptions'),
    proxySubresource('PodProxyOptions'),
    'resize',
    'status',
  ],
  hasGeneration: true,
  setDefaults: setPodDefaults,
  prepareForCreate,
  prepareForUpdate,
  prepareForStatusUpdate,
  gracefulDeletion,
  validate: validatePod,
  validateCreate: validatePodCreate,
  validateUpdate: validatePodUpdate,
  validateStatusUpdate: validatePodStatusUpdate,
  warnings: warningsForPod,
  columns: podColumns,
  selectableFields: {
    'spec.nodeName': (pod) => pod.spec?.nodeName ?? '',
    // The name that old clients know.
    'spec.host': (pod) => pod.spec?.nodeName ?? '',
    'spec.restartPolicy': (pod) => pod.spec?.restartPolicy ?? '',
    'spec.schedulerName': (pod) => pod.spec?.schedulerName ?? '',
    'spec.serviceAccountName': (pod) => pod.spec?.serviceAccountName ?? '',
    'spec.hostNetwork': (pod) => String(pod.spec?.hostNetwork ?? false),
    'status.phase': (pod) => pod.status?.phase ?? '',
    'status.podIP': (pod) => pod.status?.podIP ?? '',
    // Accepted, and never there to be compared.
    'status.podIPs': () => '',
    'status.nominatedNodeName': (pod) => pod.status?.nominatedNodeName ?? '',
  },
})
