/** Resource requests and limits. Upstream: ValidateContainerResourceRequirements. */
import { syntax } from '../../meta/checks.ts'
import { child, type FieldError, forbiddenField, invalid, key, required } from '../../meta/field-error.ts'
import { isQualifiedName } from '../../meta/names.ts'
import { compareQuantities, parseQuantity, type Quantity, zeroQuantity } from '../../meta/quantity.ts'
import { negativeMessage } from '../../meta/validate-metadata.ts'
import type { ResourceRequirements } from '../../types.ts'

const standardContainerResources = ['cpu', 'memory', 'ephemeral-storage']
const nanosPerUnit = 1_000_000_000n

export const isHugePage = (name: string): boolean => name.startsWith('hugepages-')
const isNative = (name: string): boolean => !name.includes('/') || /(^|\.)kubernetes\.io\//.test(name)
/** Devices and the like: whole numbers, never overcommitted. */
export const isExtendedResource = (name: string): boolean => !isNative(name) && !name.startsWith('requests.')
const isInteger = (name: string): boolean => isExtendedResource(name)
const mayOvercommit = (name: string): boolean => isNative(name) && !isHugePage(name)

/** The amount, or undefined where it does not parse: the decoder has refused that already. */
export const quantityOf = (text: string | undefined): Quantity | undefined => {
  if (text === undefined) return undefined
  try {
    return parseQuantity(text)
  } catch {
    return undefined
  }
}

/** Not below zero; nothing is said of an absent one. */
export const nonNegativeQuantity = (path: string, text: string | undefined): FieldError[] => {
  const quantity = quantityOf(text)
  return quantity !== undefined && compareQuantities(quantity, zeroQuantity) < 0
    ? [invalid(path, text, negativeMessage)]
    : []
}

export const validateQuantity = (path: string, name: string, text: string): FieldError[] => {
  const quantity = quantityOf(text)
  if (quantity === undefined) return []
  const errors: FieldError[] = []
  if (compareQuantities(quantity, zeroQuantity) < 0) errors.push(invalid(path, text, negativeMessage))
  if (isInteger(name) && quantity.nanos % nanosPerUnit !== 0n) errors.push(invalid(path, text, 'must be an integer'))
  return errors
}

const validateName = (name: string, path: string): FieldError[] => {
  const errors = syntax(path, name, isQualifiedName)
  if (errors.length > 0) return errors
  if (name.includes('/') || standardContainerResources.includes(name) || isHugePage(name)) return []
  return [invalid(path, name, 'must be a standard resource for containers')]
}

const validateAgainstLimit = (
  name: string,
  request: string,
  limits: Readonly<Record<string, string>>,
  path: string,
): FieldError[] => {
  const limit = limits[name]
  const requested = quantityOf(request)
  const limited = quantityOf(limit)
  if (requested !== undefined && limited !== undefined) {
    if (compareQuantities(requested, limited) !== 0 && !mayOvercommit(name)) {
      return [invalid(path, request, `must be equal to ${name} limit of ${limit}`)]
    }
    return compareQuantities(requested, limited) > 0
      ? [invalid(path, request, `must be less than or equal to ${name} limit of ${limit}`)]
      : []
  }
  return mayOvercommit(name) ? [] : [required(path, 'Limit must be set for non overcommitable resources')]
}

/** Names, amounts, and requests within limits. `claimNames` are the Pod's resource claims. */
export const validateResources = (
  resources: ResourceRequirements | undefined,
  path: string,
  claimNames?: ReadonlySet<string>,
): FieldError[] => {
  if (resources === undefined || resources === null) return []
  const errors: FieldError[] = []
  const limits = resources.limits ?? {}
  const requests = resources.requests ?? {}
  const limitsPath = child(path, 'limits')
  const requestsPath = child(path, 'requests')
  for (const [name, limit] of Object.entries(limits)) {
    errors.push(...validateName(name, key(limitsPath, name)), ...validateQuantity(key(limitsPath, name), name, limit))
  }
  for (const [name, request] of Object.entries(requests)) {
    errors.push(...validateName(name, key(requestsPath, name)))
    errors.push(...validateQuantity(key(requestsPath, name), name, request))
    errors.push(...validateAgainstLimit(name, request, limits, requestsPath))
  }
  const names = new Set([...Object.keys(limits), ...Object.keys(requests)])
  if ([...names].some(isHugePage) && !names.has('cpu') && !names.has('memory')) {
    errors.push(forbiddenField(path, 'HugePages require cpu or memory'))
  }
  if (claimNames === undefined) return errors
  for (const [index, claim] of (resources.claims ?? []).entries()) {
    const at = child(path, 'claims', index, 'name')
    if (claim.name === '') errors.push(required(at))
    else if (!claimNames.has(claim.name)) {
      errors.push({ type: 'FieldValueNotFound', field: at, detail: `Not found: ${JSON.stringify(claim.name)}` })
    }
  }
  return errors
}
