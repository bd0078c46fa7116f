/**
 * ResourceQuota: refuses what would exceed a quota, and books what is granted before it is stored; the resourcequota
 * controller counts again and gives back. Upstream: k8s.io/apiserver/pkg/admission/plugin/resourcequota
 */
import type { ParsedText } from '../../../api/codec/json.ts'
import { semanticEqual } from '../../../api/meta/equal.ts'
import type { PersistentVolumeClaim } from '../../../api/types.ts'
import type { Clock } from '../../../component-base/clock.ts'
import type { Resource } from '../../registry/resource.ts'
import type { AdmissionAttributes, AdmissionPlugin } from '../admission.ts'
import { QuotaBooker } from './booker.ts'
import { parseLimitedResources } from './limited-resources.ts'

/** Kinds that are answered and not stored, and Events, which have a limit of their own. */
const ignored = new Set([
  'bindings.',
  'componentstatuses.',
  'events.',
  'events.events.k8s.io',
  'tokenreviews.authentication.k8s.io',
  'selfsubjectreviews.authentication.k8s.io',
  'subjectaccessreviews.authorization.k8s.io',
  'selfsubjectaccessreviews.authorization.k8s.io',
  'localsubjectaccessreviews.authorization.k8s.io',
  'selfsubjectrulesreviews.authorization.k8s.io',
])

/** What a claim's status says that a quota is about. */
const countedStatus = ({ spec, status }: PersistentVolumeClaim) => [
  status?.allocatedResources?.['storage'] ?? '',
  spec?.volumeAttributesClassName ?? '',
  status?.currentVolumeAttributesClassName ?? '',
  status?.modifyVolumeStatus?.targetVolumeAttributesClassName ?? '',
]

/** Requests that can use more than there was before. */
const canUseMore = ({ operation, group, resource, subresource, object, oldObject }: AdmissionAttributes): boolean => {
  const isUpdate = operation === 'UPDATE'
  switch (group === '' ? resource : '') {
    case 'pods':
      return isUpdate ? subresource === 'resize' : subresource === ''
    case 'services':
      return true
    case 'persistentvolumeclaims':
      if (subresource === '') return true
      if (subresource !== 'status' || !isUpdate) return false
      return !semanticEqual(
        countedStatus(object as PersistentVolumeClaim),
        countedStatus(oldObject as PersistentVolumeClaim),
      )
    default:
      return !isUpdate && subresource === ''
  }
}

/** Throws ConfigError. */
export const resourceQuota = (
  quotas: Resource,
  configuration: ParsedText | undefined,
  clock: Clock,
): AdmissionPlugin => {
  const booker = new QuotaBooker({ quotas, limited: parseLimitedResources(configuration), clock })
  return {
    name: 'ResourceQuota',
    operations: ['CREATE', 'UPDATE'],
    validate: (attributes) => {
      const { namespace, group, resource } = attributes
      const isNamespace = group === '' && resource === 'namespaces'
      if (namespace === '' || isNamespace || ignored.has(`${resource}.${group}`) || !canUseMore(attributes))
        return undefined
      return booker.book(attributes)
    },
  }
}
