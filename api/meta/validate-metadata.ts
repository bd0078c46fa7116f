/** Checks of metadata that hold for every kind. Upstream: apimachinery/pkg/api/validation/objectmeta.go. */
import type { ObjectMeta, OwnerReference } from '../types.ts'
import { child, type FieldError, forbiddenField, invalid, required, tooLong } from './field-error.ts'
import { asNamePrefix, isDns1123Label, isDns1123Subdomain, isQualifiedName, isValidLabelValue } from './names.ts'

export const immutableMessage = 'field is immutable'
export const negativeMessage = 'must be greater than or equal to 0'
const maxAnnotationsBytes = 256 * 1024

export interface MetadataRules {
  readonly namespaced: boolean
  /** Default: DNS-1123 subdomain. */
  readonly validateName?: ((name: string) => readonly string[]) | undefined
  readonly looseFinalizers: boolean
}

export const validateLabels = (labels: Readonly<Record<string, string>> | undefined, path: string): FieldError[] => {
  const errors: FieldError[] = []
  for (const [name, value] of Object.entries(labels ?? {})) {
    errors.push(...isQualifiedName(name).map((message) => invalid(path, name, message)))
    errors.push(...isValidLabelValue(value).map((message) => invalid(path, value, message)))
  }
  return errors
}

export const validateAnnotations = (
  annotations: Readonly<Record<string, string>> | undefined,
  path: string,
): FieldError[] => {
  const errors: FieldError[] = []
  let bytes = 0
  for (const [name, value] of Object.entries(annotations ?? {})) {
    errors.push(...isQualifiedName(name.toLowerCase()).map((message) => invalid(path, name, message)))
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value)
  }
  if (bytes > maxAnnotationsBytes) errors.push(tooLong(path, maxAnnotationsBytes))
  return errors
}

const validateOwner = (reference: OwnerReference, path: string): FieldError[] => {
  const errors: FieldError[] = []
  const parts = (reference.apiVersion ?? '').split('/')
  const version = parts.at(-1) ?? ''
  if (parts.length > 2) {
    errors.push(
      invalid(
        child(path, 'apiVersion'),
        reference.apiVersion,
        `unexpected GroupVersion string: ${reference.apiVersion}`,
      ),
    )
  } else if (version === '') {
    errors.push(invalid(child(path, 'apiVersion'), reference.apiVersion, 'version must not be empty'))
  }
  if ((reference.kind ?? '') === '') errors.push(invalid(child(path, 'kind'), '', 'must not be empty'))
  if ((reference.name ?? '') === '') errors.push(invalid(child(path, 'name'), '', 'must not be empty'))
  if ((reference.uid ?? '') === '') errors.push(invalid(child(path, 'uid'), '', 'must not be empty'))
  if (reference.kind === 'Event' && reference.apiVersion === 'v1') {
    errors.push(invalid(path, reference, '/v1, Kind=Event is disallowed from being an owner'))
  }
  return errors
}

const validateOwners = (references: readonly OwnerReference[] | undefined, path: string): FieldError[] => {
  const errors: FieldError[] = []
  let controller: string | undefined
  for (const [index, reference] of (references ?? []).entries()) {
    // Upstream gives the list's path, without the index, for what is wrong inside a reference.
    errors.push(...validateOwner(reference, path))
    if (reference.controller !== true) continue
    if (controller !== undefined) {
      errors.push(
        invalid(
          path,
          references,
          `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${reference.name}`,
        ),
      )
    }
    controller = references?.[index]?.name
  }
  return errors
}

/** Finalizers that need no slash in their name: those of Kubernetes itself. */
const standardFinalizers = new Set(['kubernetes', 'orphan', 'foregroundDeletion'])

const standardOrPrefixed = (name: string, path: string): FieldError[] =>
  name.includes('/') || standardFinalizers.has(name)
    ? []
    : [invalid(path, name, 'name is neither a standard finalizer name nor is it fully qualified')]

export const validateFinalizerName = (name: string, path: string): FieldError[] => {
  const errors = isQualifiedName(name).map((message) => invalid(path, name, message))
  return errors.length > 0 ? errors : standardOrPrefixed(name, path)
}

const validateFinalizerPrefixes = (
  finalizers: readonly string[] | undefined,
  path: string,
  loose: boolean,
): FieldError[] =>
  finalizers === undefined || loose
    ? []
    : finalizers.flatMap((finalizer, index) => standardOrPrefixed(finalizer, child(path, index)))

const validateFinalizers = (finalizers: readonly string[] | undefined, path: string): FieldError[] => {
  const errors: FieldError[] = []
  let orphan = false
  let foreground = false
  for (const [index, finalizer] of (finalizers ?? []).entries()) {
    errors.push(...isQualifiedName(finalizer).map((message) => invalid(child(path, index), finalizer, message)))
    if (finalizer === 'orphan') orphan = true
    if (finalizer === 'foregroundDeletion') foreground = true
  }
  if (orphan && foreground) {
    errors.push(invalid(path, finalizers, 'finalizer orphan and foregroundDeletion cannot be both set'))
  }
  return errors
}

const maxManagerBytes = 128

const validateManagedFields = (managed: ObjectMeta['managedFields'], path: string): FieldError[] => {
  const errors: FieldError[] = []
  for (const [index, entry] of (managed ?? []).entries()) {
    const at = child(path, index)
    if (entry.operation !== 'Apply' && entry.operation !== 'Update') {
      errors.push(invalid(child(at, 'operation'), entry.operation ?? '', 'must be `Apply` or `Update`'))
    }
    if ((entry.fieldsType ?? '') !== '' && entry.fieldsType !== 'FieldsV1') {
      errors.push(invalid(child(at, 'fieldsType'), entry.fieldsType, 'must be `FieldsV1`'))
    }
    if (Buffer.byteLength(entry.manager ?? '') > maxManagerBytes) {
      errors.push(tooLong(child(at, 'manager'), maxManagerBytes))
    }
  }
  return errors
}

const validateNamespace = (metadata: ObjectMeta, namespaced: boolean, path: string): FieldError[] => {
  const at = child(path, 'namespace')
  const namespace = metadata.namespace ?? ''
  if (!namespaced) return namespace === '' ? [] : [forbiddenField(at, 'not allowed on this type')]
  if (namespace === '') return [required(at)]
  return isDns1123Label(namespace).map((message) => invalid(at, namespace, message))
}

/** All that is wrong with the metadata of a new object; name generation has been done. Upstream: ValidateObjectMeta. */
export const validateObjectMeta = (
  metadata: ObjectMeta,
  { namespaced, validateName = isDns1123Subdomain, looseFinalizers }: MetadataRules,
  path = 'metadata',
): FieldError[] => {
  const errors: FieldError[] = []
  const prefix = metadata.generateName ?? ''
  if (prefix !== '') {
    const at = child(path, 'generateName')
    errors.push(...asNamePrefix(validateName)(prefix).map((message) => invalid(at, prefix, message)))
  }
  const name = metadata.name ?? ''
  if (name === '') errors.push(required(child(path, 'name'), 'name or generateName is required'))
  else errors.push(...validateName(name).map((message) => invalid(child(path, 'name'), name, message)))
  errors.push(...validateNamespace(metadata, namespaced, path))
  if ((metadata.generation ?? 0) < 0) {
    errors.push(invalid(child(path, 'generation'), metadata.generation, negativeMessage))
  }
  errors.push(
    ...validateLabels(metadata.labels, child(path, 'labels')),
    ...validateAnnotations(metadata.annotations, child(path, 'annotations')),
    ...validateOwners(metadata.ownerReferences, child(path, 'ownerReferences')),
    ...validateFinalizers(metadata.finalizers, child(path, 'finalizers')),
    ...validateFinalizerPrefixes(metadata.finalizers, child(path, 'finalizers'), looseFinalizers),
    ...validateManagedFields(metadata.managedFields, child(path, 'managedFields')),
  )
  return errors
}

/** Fields that no update may change, in upstream's order. */
const immutableFields = [
  'name',
  'namespace',
  'uid',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
] as const

/** Finalizers may only go once deletion has begun. */
const addedFinalizers = (metadata: ObjectMeta, old: ObjectMeta, path: string): FieldError[] => {
  if (old.deletionTimestamp === undefined) return []
  const present = new Set(old.finalizers)
  const added = (metadata.finalizers ?? []).filter((finalizer) => !present.has(finalizer)).sort()
  if (added.length === 0) return []
  const shown = `[]string{${added.map((finalizer) => JSON.stringify(finalizer)).join(', ')}}`
  return [
    forbiddenField(
      child(path, 'finalizers'),
      `no new finalizers can be added if the object is being deleted, found new finalizers ${shown}`,
    ),
  ]
}

/** All that is wrong with a change of metadata. Upstream: ValidateObjectMetaUpdate. */
export const validateObjectMetaUpdate = (
  metadata: ObjectMeta,
  old: ObjectMeta,
  { looseFinalizers }: Pick<MetadataRules, 'looseFinalizers'>,
  path = 'metadata',
): FieldError[] => {
  const errors = addedFinalizers(metadata, old, path)
  if ((metadata.resourceVersion ?? '') === '') {
    errors.push(
      invalid(child(path, 'resourceVersion'), metadata.resourceVersion ?? '', 'must be specified for an update'),
    )
  }
  if ((metadata.generation ?? 0) < (old.generation ?? 0)) {
    errors.push(invalid(child(path, 'generation'), metadata.generation ?? 0, 'must not be decremented'))
  }
  for (const field of immutableFields) {
    if (metadata[field] !== old[field]) errors.push(invalid(child(path, field), metadata[field], immutableMessage))
  }
  errors.push(
    ...validateLabels(metadata.labels, child(path, 'labels')),
    ...validateAnnotations(metadata.annotations, child(path, 'annotations')),
    ...validateOwners(metadata.ownerReferences, child(path, 'ownerReferences')),
    ...validateManagedFields(metadata.managedFields, child(path, 'managedFields')),
    ...validateFinalizerPrefixes(metadata.finalizers, child(path, 'finalizers'), looseFinalizers),
  )
  return errors
}
