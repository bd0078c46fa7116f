/** Device classes, claims, templates and slices. Upstream: pkg/apis/resource/validation. */
import { absent, immutable, requiredOneOf, requiredSyntax, requiredText, syntax } from '../meta/checks.ts'
import { semanticEqual } from '../meta/equal.ts'
import { child, duplicate, type FieldError, invalid, key, required, tooMany } from '../meta/field-error.ts'
import { isDns1123Label, isDns1123Subdomain } from '../meta/names.ts'
import { validateAnnotations, validateLabels } from '../meta/validate-metadata.ts'
import { validateDriverName } from '../storage/validation.ts'
import { validateSelectors } from './validate-selector.ts'
import type { DeviceClass, ResourceClaim, ResourceClaimTemplate, ResourceSlice } from '../types.ts'

type ClaimSpec = ResourceClaim['spec']
type DeviceRequest = NonNullable<NonNullable<ClaimSpec['devices']>['requests']>[number]

const maxRequests = 32
const maxDevices = 128

interface Exact {
  readonly deviceClassName: string
  readonly allocationMode?: string
  readonly count?: number
  readonly selectors?: readonly { readonly cel?: { readonly expression: string } }[]
}

const validateExact = (request: Exact, path: string): FieldError[] => {
  const errors = requiredSyntax(child(path, 'deviceClassName'), request.deviceClassName, isDns1123Subdomain)
  errors.push(...requiredOneOf(child(path, 'allocationMode'), request.allocationMode, ['All', 'ExactCount']))
  if (request.allocationMode === 'ExactCount' && (request.count ?? 0) <= 0) {
    errors.push(invalid(child(path, 'count'), request.count ?? 0, 'must be greater than zero'))
  }
  if (request.allocationMode === 'All' && (request.count ?? 0) !== 0) {
    errors.push(invalid(child(path, 'count'), request.count, "must not be specified when allocationMode is 'All'"))
  }
  errors.push(...validateSelectors(request.selectors, child(path, 'selectors')))
  return errors
}

const validateRequest = (request: DeviceRequest, path: string): FieldError[] => {
  const errors = requiredSyntax(child(path, 'name'), request.name, isDns1123Label)
  const alternatives = request.firstAvailable ?? []
  if (request.exactly === undefined && alternatives.length === 0) {
    errors.push(required(path, 'exactly one of `exactly` or `firstAvailable` is required'))
  } else if (request.exactly !== undefined && alternatives.length > 0) {
    errors.push(
      invalid(path, null, 'exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set'),
    )
  }
  if (request.exactly !== undefined) errors.push(...validateExact(request.exactly, child(path, 'exactly')))
  for (const [index, alternative] of alternatives.entries()) {
    const at = child(path, 'firstAvailable', index)
    errors.push(
      ...requiredSyntax(child(at, 'name'), alternative.name, isDns1123Label),
      ...validateExact(alternative, at),
    )
  }
  return errors
}

type Opaque = NonNullable<NonNullable<NonNullable<DeviceClass['spec']>['config']>[number]['opaque']>

/** Parameters are the driver's affair, as long as they are an object. */
const validateConfiguration = (opaque: Opaque | undefined, path: string): FieldError[] => {
  const at = child(path, 'opaque')
  if (opaque === undefined) return [required(at)]
  const errors = validateDriverName(opaque.driver, child(at, 'driver'))
  const parameters: unknown = opaque.parameters ?? undefined
  if (parameters === undefined) errors.push(required(child(at, 'parameters')))
  else if (typeof parameters !== 'object' || Array.isArray(parameters)) {
    errors.push(invalid(child(at, 'parameters'), '<value omitted>', 'must be a valid JSON object'))
  }
  return errors
}

export const validateClaimSpec = (spec: ClaimSpec | undefined, path: string): FieldError[] => {
  const requests = spec?.devices?.requests ?? []
  const at = child(path, 'devices', 'requests')
  const errors = requests.length > maxRequests ? [tooMany(at, requests.length, maxRequests)] : []
  const names = new Set<string>()
  for (const [index, request] of requests.entries()) {
    errors.push(...validateRequest(request, child(at, index)))
    if (names.has(request.name)) errors.push(duplicate(child(at, index, 'name'), request.name))
    names.add(request.name)
  }
  for (const [index, { opaque }] of (spec?.devices?.config ?? []).entries()) {
    errors.push(...validateConfiguration(opaque, child(path, 'devices', 'config', index)))
  }
  for (const [index, constraint] of (spec?.devices?.constraints ?? []).entries()) {
    for (const [nameIndex, name] of (constraint.requests ?? []).entries()) {
      if (!names.has(name.split('/')[0] ?? '')) {
        errors.push(
          invalid(
            child(path, 'devices', 'constraints', index, 'requests', nameIndex),
            name,
            'must be the name of a request in the claim',
          ),
        )
      }
    }
  }
  return errors
}

export const validateResourceClaim = ({ spec }: ResourceClaim): FieldError[] => validateClaimSpec(spec, 'spec')

export const validateResourceClaimUpdate = (next: ResourceClaim, old: ResourceClaim): FieldError[] =>
  semanticEqual(next.spec, old.spec) ? [] : [invalid('spec', next.spec, 'field is immutable')]

export const validateResourceClaimTemplate = ({ spec }: ResourceClaimTemplate): FieldError[] => [
  ...validateAnnotations(spec?.metadata?.annotations, 'spec.metadata.annotations'),
  ...validateLabels(spec?.metadata?.labels, 'spec.metadata.labels'),
  ...validateClaimSpec(spec?.spec, 'spec.spec'),
]

export const validateResourceClaimTemplateUpdate = (
  next: ResourceClaimTemplate,
  old: ResourceClaimTemplate,
): FieldError[] => (semanticEqual(next.spec, old.spec) ? [] : [invalid('spec', next.spec, 'field is immutable')])

export const validateDeviceClass = ({ spec }: DeviceClass): FieldError[] => [
  ...validateSelectors(spec?.selectors, 'spec.selectors'),
  ...(spec?.config ?? []).flatMap(({ opaque }, index) => validateConfiguration(opaque, child('spec.config', index))),
]

export const validateResourceSlice = ({ spec }: ResourceSlice): FieldError[] => {
  const errors = requiredSyntax('spec.driver', spec?.driver, isDns1123Subdomain)
  errors.push(...requiredText('spec.pool.name', spec?.pool?.name))
  if ((spec?.pool?.generation ?? 0) < 0) {
    errors.push(invalid('spec.pool.generation', spec?.pool?.generation, 'must be greater than or equal to zero'))
  }
  if ((spec?.pool?.resourceSliceCount ?? 0) <= 0) {
    errors.push(
      invalid('spec.pool.resourceSliceCount', spec?.pool?.resourceSliceCount ?? 0, 'must be greater than zero'),
    )
  }
  if (!absent(spec?.nodeName)) errors.push(...syntax('spec.nodeName', spec?.nodeName ?? '', isDns1123Subdomain))
  const ways = [spec?.nodeName, spec?.nodeSelector, spec?.allNodes, spec?.perDeviceNodeSelection].filter(
    (way) => way !== undefined && way !== '',
  )
  if (ways.length !== 1) {
    errors.push(
      required('spec', 'exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required'),
    )
  }
  const devices = spec?.devices ?? []
  if (devices.length > maxDevices) errors.push(tooMany('spec.devices', devices.length, maxDevices))
  const names = new Set<string>()
  for (const [index, device] of devices.entries()) {
    const at = child('spec.devices', index, 'name')
    errors.push(...requiredSyntax(at, device.name, isDns1123Label))
    if (names.has(device.name)) errors.push(duplicate(at, device.name))
    names.add(device.name)
    for (const [name, attribute] of Object.entries(device.attributes ?? {})) {
      const values = Object.values(attribute).filter((value) => value !== undefined && value !== null)
      if (values.length === 0) {
        const where = key(child('spec.devices', index, 'attributes'), name)
        errors.push(required(where, 'exactly one value must be specified'))
      }
    }
  }
  return errors
}

export const validateResourceSliceUpdate = (next: ResourceSlice, old: ResourceSlice): FieldError[] => [
  ...(['driver', 'nodeName', 'nodeSelector', 'allNodes'] as const).flatMap((field) =>
    immutable(child('spec', field), next.spec?.[field], old.spec?.[field]),
  ),
  ...immutable('spec.pool.name', next.spec?.pool.name, old.spec?.pool.name),
]
