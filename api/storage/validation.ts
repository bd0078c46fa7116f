/** The storage group. Upstream: pkg/apis/storage/validation. */
import {
  absent,
  immutable,
  oneOf,
  requiredOneOf,
  requiredSyntax,
  requiredText,
  syntax,
  validateLabelSelector,
} from '../meta/checks.ts'
import { semanticEqual } from '../meta/equal.ts'
import {
  child,
  duplicate,
  type FieldError,
  forbiddenField,
  invalid,
  notSupported,
  required,
  tooLong,
} from '../meta/field-error.ts'
import { isDns1123Subdomain, isQualifiedName } from '../meta/names.ts'
import { nonNegativeQuantity } from '../core/pod-spec/validate-resources.ts'
import type {
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  StorageClass,
  VolumeAttachment,
  VolumeAttributesClass,
} from '../types.ts'

const maxParameters = 512
const maxParameterBytes = 256 * 1024
const maxDriverNameBytes = 63

/** Names of CSI drivers: a DNS name, in any case, of at most 63 characters. */
export const validateDriverName = (name: string | undefined, path: string): FieldError[] => {
  if (absent(name)) return [required(path)]
  const text = name ?? ''
  const errors =
    text.length > maxDriverNameBytes
      ? [
          {
            type: 'FieldValueTooLong' as const,
            field: path,
            detail: `Too long: may not be more than ${maxDriverNameBytes} bytes`,
          },
        ]
      : []
  return [...errors, ...isDns1123Subdomain(text.toLowerCase()).map((message) => invalid(path, text, message))]
}

const validateParameters = (parameters: Readonly<Record<string, string>> | undefined, path: string): FieldError[] => {
  const entries = Object.entries(parameters ?? {})
  const errors: FieldError[] = []
  if (entries.length > maxParameters)
    errors.push({
      type: 'FieldValueTooLong',
      field: path,
      detail: `Too long: may not be more than ${maxParameters} bytes`,
    })
  let bytes = 0
  for (const [name, value] of entries) {
    if (name === '') errors.push(invalid(path, name, 'field can not be empty.'))
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value)
  }
  if (bytes > maxParameterBytes)
    errors.push({
      type: 'FieldValueTooLong',
      field: path,
      detail: `Too long: may not be more than ${maxParameterBytes} bytes`,
    })
  return errors
}

export const validateStorageClass = (storageClass: StorageClass): FieldError[] => [
  ...requiredSyntax('provisioner', storageClass.provisioner?.toLowerCase(), isQualifiedName),
  ...validateParameters(storageClass.parameters, 'parameters'),
  ...oneOf('reclaimPolicy', storageClass.reclaimPolicy, ['Delete', 'Retain']),
  ...requiredOneOf('volumeBindingMode', storageClass.volumeBindingMode, ['Immediate', 'WaitForFirstConsumer']),
]

export const validateStorageClassUpdate = (next: StorageClass, old: StorageClass): FieldError[] => {
  const errors: FieldError[] = []
  if (!semanticEqual(next.parameters, old.parameters)) {
    errors.push(forbiddenField('parameters', 'updates to parameters are forbidden.'))
  }
  if (next.provisioner !== old.provisioner)
    errors.push(forbiddenField('provisioner', 'updates to provisioner are forbidden.'))
  if (next.reclaimPolicy !== old.reclaimPolicy) {
    errors.push(forbiddenField('reclaimPolicy', 'updates to reclaimPolicy are forbidden.'))
  }
  return [...errors, ...immutable('volumeBindingMode', next.volumeBindingMode, old.volumeBindingMode)]
}

export const validateVolumeAttachment = ({ spec }: VolumeAttachment): FieldError[] => {
  const errors = validateDriverName(spec?.attacher, 'spec.attacher')
  const source = spec?.source
  const inline = source?.inlineVolumeSpec
  const name = source?.persistentVolumeName
  if (inline === undefined && name === undefined) {
    errors.push(required('spec.source', 'must specify exactly one of inlineVolumeSpec and persistentVolumeName'))
  }
  if (inline !== undefined && name !== undefined) {
    errors.push(forbiddenField('spec.source', 'must specify exactly one of inlineVolumeSpec and persistentVolumeName'))
  }
  if (name === '') {
    errors.push(required('spec.source.persistentVolumeName', 'must specify non empty persistentVolumeName'))
  } else if (name !== undefined) errors.push(...syntax('spec.source.persistentVolumeName', name, isDns1123Subdomain))
  return [...errors, ...requiredSyntax('spec.nodeName', spec?.nodeName, isDns1123Subdomain)]
}

const maxStatusBytes = 256 * 1024

/** The spec stays; what the driver says is no longer than can be stored. */
export const validateVolumeAttachmentStatusUpdate = (
  { status, ...rest }: VolumeAttachment,
  old: VolumeAttachment,
): FieldError[] => {
  const errors = validateVolumeAttachmentUpdate(rest, old)
  let bytes = 0
  for (const [name, value] of Object.entries(status?.attachmentMetadata ?? {})) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value)
  }
  if (bytes > maxStatusBytes) errors.push(tooLong('status.attachmentMetadata', maxStatusBytes))
  for (const field of ['attachError', 'detachError'] as const) {
    if (Buffer.byteLength(status?.[field]?.message ?? '') > maxStatusBytes) {
      errors.push(tooLong(child('status', field, 'message'), maxStatusBytes))
    }
  }
  return errors
}

export const validateVolumeAttachmentUpdate = (next: VolumeAttachment, old: VolumeAttachment): FieldError[] =>
  semanticEqual(next.spec, old.spec) ? [] : [invalid('spec', next.spec, 'field is immutable')]

const validateTokenLife = (seconds: number, path: string): FieldError[] => {
  const at = child(path, 'expirationSeconds')
  if (seconds < 600) return [invalid(at, seconds, 'may not specify a duration less than 10 minutes')]
  return seconds > 2 ** 32 ? [invalid(at, seconds, 'may not specify a duration larger than 2^32 seconds')] : []
}

export const validateCSIDriver = ({ metadata, spec }: CSIDriver): FieldError[] => {
  const errors = validateDriverName(metadata?.name, 'metadata.name')
  for (const field of ['attachRequired', 'podInfoOnMount', 'storageCapacity'] as const) {
    if (spec?.[field] === undefined) errors.push(required(child('spec', field)))
  }
  errors.push(...oneOf('spec.fsGroupPolicy', spec?.fsGroupPolicy, ['File', 'None', 'ReadWriteOnceWithFSType']))
  for (const mode of spec?.volumeLifecycleModes ?? []) {
    if (mode !== 'Persistent' && mode !== 'Ephemeral')
      errors.push(notSupported('spec.volumeLifecycleModes', mode, ['Ephemeral', 'Persistent']))
  }
  const audiences = new Set<string>()
  for (const [index, { audience, expirationSeconds }] of (spec?.tokenRequests ?? []).entries()) {
    const at = child('spec.tokenRequests', index)
    if (audiences.has(audience)) {
      errors.push(duplicate(child(at, 'audience'), audience))
      continue
    }
    audiences.add(audience)
    if (expirationSeconds !== undefined) errors.push(...validateTokenLife(expirationSeconds, at))
  }
  return errors
}

export const validateCSIDriverUpdate = (next: CSIDriver, old: CSIDriver): FieldError[] => [
  // Upstream's word for it.
  ...immutable('spec.attachedRequired', next.spec?.attachRequired, old.spec?.attachRequired),
  ...immutable('spec.volumeLifecycleModes', next.spec?.volumeLifecycleModes, old.spec?.volumeLifecycleModes),
]

export const validateCSINode = ({ spec }: CSINode): FieldError[] => {
  const names = new Set<string>()
  return (spec?.drivers ?? []).flatMap((driver, index) => {
    const at = child('spec.drivers', index)
    const errors = [
      ...validateDriverName(driver.name, child(at, 'name')),
      ...requiredText(child(at, 'nodeID'), driver.nodeID),
    ]
    if (names.has(driver.name)) errors.push(duplicate(child(at, 'name'), driver.name))
    names.add(driver.name)
    const topologyKeys = new Set<string>()
    for (const topologyKey of driver.topologyKeys ?? []) {
      if (topologyKeys.has(topologyKey)) errors.push(duplicate(child(at, 'topologyKeys'), topologyKey))
      topologyKeys.add(topologyKey)
      errors.push(...syntax(child(at, 'topologyKeys'), topologyKey, isQualifiedName))
    }
    if ((driver.allocatable?.count ?? 0) < 0) {
      errors.push(
        invalid(child(at, 'allocatable', 'count'), driver.allocatable?.count, 'must be greater than or equal to 0'),
      )
    }
    return errors
  })
}

/** What a driver said about itself stays; only the number of volumes it can attach may change. */
export const validateCSINodeUpdate = (next: CSINode, old: CSINode): FieldError[] => {
  const before = new Map(old.spec?.drivers?.map((driver) => [driver.name, driver]))
  return (next.spec?.drivers ?? []).flatMap((driver) => {
    const stored = before.get(driver.name)
    if (stored === undefined) return []
    return semanticEqual({ ...driver, allocatable: undefined }, { ...stored, allocatable: undefined })
      ? []
      : [invalid('CSINodeDriver', driver, 'field is immutable')]
  })
}

export const validateCSIStorageCapacity = (capacity: CSIStorageCapacity): FieldError[] => [
  ...requiredSyntax('storageClassName', capacity.storageClassName, isDns1123Subdomain),
  ...validateLabelSelector(capacity.nodeTopology, 'nodeTopology'),
  ...nonNegativeQuantity('capacity', capacity.capacity),
  ...nonNegativeQuantity('maximumVolumeSize', capacity.maximumVolumeSize),
]

export const validateCSIStorageCapacityUpdate = (next: CSIStorageCapacity, old: CSIStorageCapacity): FieldError[] => [
  ...immutable('nodeTopology', next.nodeTopology, old.nodeTopology),
  ...immutable('storageClassName', next.storageClassName, old.storageClassName),
]

export const validateVolumeAttributesClass = (attributes: VolumeAttributesClass): FieldError[] => {
  const errors = validateDriverName(attributes.driverName, 'driverName')
  if (Object.keys(attributes.parameters ?? {}).length === 0)
    errors.push(required('parameters', 'must contain at least one key/value pair'))
  return [...errors, ...validateParameters(attributes.parameters, 'parameters')]
}

export const validateVolumeAttributesClassUpdate = (
  next: VolumeAttributesClass,
  old: VolumeAttributesClass,
): FieldError[] => {
  const errors: FieldError[] = []
  if (next.driverName !== old.driverName)
    errors.push(forbiddenField('driverName', 'updates to driverName are forbidden.'))
  if (!semanticEqual(next.parameters, old.parameters))
    errors.push(forbiddenField('parameters', 'updates to parameters are forbidden.'))
  return errors
}
