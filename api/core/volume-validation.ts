/** PersistentVolumes and claims. Upstream: ValidatePersistentVolume, ValidatePersistentVolumeClaimSpec. */
import { absent, oneOf, requiredOneOf, requiredText, syntax, validateLabelSelector } from '../meta/checks.ts'
import { semanticEqual } from '../meta/equal.ts'
import { child, type FieldError, forbiddenField, invalid, notSupported, required } from '../meta/field-error.ts'
import { isDns1123Subdomain } from '../meta/names.ts'
import { compareQuantities, zeroQuantity } from '../meta/quantity.ts'
import type { PersistentVolume, PersistentVolumeClaim } from '../types.ts'
import { validateDriverName } from '../storage/validation.ts'
import { quantityOf } from './pod-spec/validate-resources.ts'
import { validateNodeSelector } from './pod-spec/validate-scheduling.ts'

type ClaimSpec = NonNullable<PersistentVolumeClaim['spec']>
type VolumeSpec = NonNullable<PersistentVolume['spec']>

const accessModes = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod']
const volumeModes = ['Block', 'Filesystem']

const validateAccessModes = (modes: readonly string[] | undefined, path: string): FieldError[] => {
  const list = modes ?? []
  if (list.length === 0) return [required(path, 'at least 1 access mode is required')]
  const errors = list.flatMap((mode) => oneOf(path, mode, accessModes))
  if (list.includes('ReadWriteOncePod') && list.length > 1) {
    errors.push(forbiddenField(path, 'may not use ReadWriteOncePod with other access modes'))
  }
  return errors
}

const positiveStorage = (text: string | undefined, path: string): FieldError[] => {
  const quantity = quantityOf(text)
  if (quantity === undefined) return [required(path)]
  return compareQuantities(quantity, zeroQuantity) <= 0 ? [invalid(path, text, 'must be greater than zero')] : []
}

const className = (value: string | undefined, path: string): FieldError[] =>
  absent(value) ? [] : syntax(path, value ?? '', isDns1123Subdomain)

export const validateClaimSpec = (spec: ClaimSpec, path: string): FieldError[] => {
  const errors = validateAccessModes(spec.accessModes, child(path, 'accessModes'))
  errors.push(...validateLabelSelector(spec.selector, child(path, 'selector')))
  const storage = spec.resources?.requests?.['storage']
  if (storage === undefined) errors.push(required(child(path, 'resources[storage]')))
  else errors.push(...positiveStorage(storage, child(path, 'resources[storage]')))
  errors.push(
    ...className(spec.storageClassName, child(path, 'storageClassName')),
    ...oneOf(child(path, 'volumeMode'), spec.volumeMode, volumeModes),
  )
  for (const field of ['dataSource', 'dataSourceRef'] as const) {
    const source = spec[field]
    if (source === undefined) continue
    errors.push(
      ...requiredText(child(path, field, 'name'), source.name),
      ...requiredText(child(path, field, 'kind'), source.kind),
    )
    if (absent(source.apiGroup) && source.kind !== 'PersistentVolumeClaim') {
      errors.push(
        invalid(
          child(path, field),
          source.kind,
          "must be 'PersistentVolumeClaim' when referencing the default apiGroup",
        ),
      )
    }
  }
  return errors
}

export const validatePersistentVolumeClaim = ({ spec }: PersistentVolumeClaim): FieldError[] =>
  spec === undefined ? [] : validateClaimSpec(spec, 'spec')

const isBound = (claim: PersistentVolumeClaim): boolean => claim.status?.phase === 'Bound'

/** What an update may change: the request (up), the volume name once, the attributes class. */
const fixedClaimPart = (spec: ClaimSpec | undefined, old: ClaimSpec | undefined): Record<string, unknown> => {
  const { resources, volumeAttributesClassName: _class, ...rest } = spec ?? {}
  const { requests, ...otherResources } = resources ?? {}
  const { storage: _storage, ...otherRequests } = requests ?? {}
  const fixed: Record<string, unknown> = { ...rest, resources: { ...otherResources, requests: otherRequests } }
  if ((old?.volumeName ?? '') === '') delete fixed['volumeName']
  if (old?.storageClassName === undefined) delete fixed['storageClassName']
  return fixed
}

export const validatePersistentVolumeClaimUpdate = (
  claim: PersistentVolumeClaim,
  old: PersistentVolumeClaim,
): FieldError[] => {
  const errors: FieldError[] = []
  if (!semanticEqual(fixedClaimPart(claim.spec, old.spec), fixedClaimPart(old.spec, old.spec))) {
    errors.push(
      forbiddenField(
        'spec',
        'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims',
      ),
    )
  }
  const path = 'spec.resources.requests.storage'
  const [next, before] = [
    quantityOf(claim.spec?.resources?.requests?.['storage']),
    quantityOf(old.spec?.resources?.requests?.['storage']),
  ]
  if (next === undefined || before === undefined) return errors
  const order = compareQuantities(next, before)
  if (order !== 0 && !isBound(old)) {
    errors.push(
      forbiddenField(
        'spec',
        'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims',
      ),
    )
  } else if (order < 0) {
    const capacity = quantityOf(old.status?.capacity?.['storage'])
    if (capacity === undefined || compareQuantities(next, capacity) <= 0) {
      errors.push(forbiddenField(path, 'field can not be less than status.capacity'))
    }
  }
  return errors
}

/** Fields of a PersistentVolume's spec that are no volume source. */
const notSources = new Set([
  'accessModes',
  'capacity',
  'claimRef',
  'mountOptions',
  'nodeAffinity',
  'persistentVolumeReclaimPolicy',
  'storageClassName',
  'volumeAttributesClassName',
  'volumeMode',
])

const sourcesOf = (spec: VolumeSpec): string[] =>
  Object.entries(spec)
    .filter(([field, value]) => !notSources.has(field) && value !== undefined && value !== null)
    .map(([field]) => field)

const validateHostPath = (spec: VolumeSpec): FieldError[] => {
  const at = 'spec.hostPath.path'
  const path = spec.hostPath?.path
  if (spec.hostPath === undefined) return []
  if (absent(path)) return [required(at)]
  const errors: FieldError[] = []
  if (path?.split('/').includes('..')) errors.push(invalid(at, path, "must not contain '..'"))
  if (path === '/' && spec.persistentVolumeReclaimPolicy === 'Recycle') {
    errors.push(
      forbiddenField('spec.persistentVolumeReclaimPolicy', "may not be 'recycle' for a hostPath mount of '/'"),
    )
  }
  return errors
}

export const validatePersistentVolume = ({ spec }: PersistentVolume): FieldError[] => {
  if (spec === undefined) return []
  const errors = validateAccessModes(spec.accessModes, 'spec.accessModes').map((error) =>
    error.type === 'FieldValueRequired' ? required(error.field) : error,
  )
  const capacity = spec.capacity ?? {}
  if (Object.keys(capacity).length === 0) errors.push(required('spec.capacity'))
  if (capacity['storage'] === undefined || Object.keys(capacity).length > 1) {
    errors.push(notSupported('spec.capacity', spec.capacity ?? null, ['storage']))
  }
  for (const [name, text] of Object.entries(capacity)) errors.push(...positiveStorage(text, `spec.capacity[${name}]`))
  errors.push(
    ...requiredOneOf('spec.persistentVolumeReclaimPolicy', spec.persistentVolumeReclaimPolicy, [
      'Delete',
      'Recycle',
      'Retain',
    ]),
  )
  const sources = sourcesOf(spec)
  if (sources.length === 0) errors.push(required('spec', 'must specify a volume type'))
  for (const source of sources.slice(1))
    errors.push(forbiddenField(child('spec', source), 'may not specify more than 1 volume type'))
  errors.push(...validateHostPath(spec), ...className(spec.storageClassName, 'spec.storageClassName'))
  errors.push(...oneOf('spec.volumeMode', spec.volumeMode, volumeModes))
  const nodes = spec.nodeAffinity?.required
  if (nodes !== undefined) errors.push(...validateNodeSelector(nodes, 'spec.nodeAffinity.required'))
  if (spec.csi !== undefined) {
    errors.push(
      ...validateDriverName(spec.csi.driver, 'spec.csi.driver'),
      ...requiredText('spec.csi.volumeHandle', spec.csi.volumeHandle),
    )
  }
  if (spec.nfs !== undefined) {
    const { server, path } = spec.nfs
    errors.push(...requiredText('spec.nfs.server', server), ...requiredText('spec.nfs.path', path))
    if (!absent(path) && !path.startsWith('/')) errors.push(invalid('spec.nfs.path', path, 'must be an absolute path'))
  }
  if (spec.local !== undefined) {
    errors.push(...requiredText('spec.local.path', spec.local.path))
    if (nodes === undefined) errors.push(required('spec.nodeAffinity', 'Local volume requires node affinity'))
  }
  return errors
}

export const validatePersistentVolumeUpdate = (volume: PersistentVolume, old: PersistentVolume): FieldError[] => {
  const errors: FieldError[] = []
  const sources = (spec: VolumeSpec | undefined) =>
    Object.fromEntries(Object.entries(spec ?? {}).filter(([field]) => !notSources.has(field)))
  if (!semanticEqual(sources(volume.spec), sources(old.spec))) {
    errors.push(
      forbiddenField('spec.persistentvolumesource', 'spec.persistentvolumesource is immutable after creation'),
    )
  }
  if (volume.spec?.volumeMode !== old.spec?.volumeMode) {
    errors.push(invalid('spec.volumeMode', volume.spec?.volumeMode, 'field is immutable'))
  }
  if (old.spec?.nodeAffinity !== undefined && !semanticEqual(volume.spec?.nodeAffinity, old.spec.nodeAffinity)) {
    errors.push(
      invalid(
        'spec.nodeAffinity',
        volume.spec?.nodeAffinity,
        'field is immutable, except for updating from beta label to GA',
      ),
    )
  }
  return errors
}
