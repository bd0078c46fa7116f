/** ResourceQuotas and LimitRanges. Upstream: ValidateResourceQuotaSpec, ValidateLimitRange. */
import { absent, immutable, syntax } from '../meta/checks.ts'
import { child, duplicate, type FieldError, forbiddenField, invalid, key, required } from '../meta/field-error.ts'
import { isQualifiedName } from '../meta/names.ts'
import { compareQuantities } from '../meta/quantity.ts'
import type { LimitRange, ResourceQuota } from '../types.ts'
import { quantityOf, validateQuantity } from './pod-spec/validate-resources.ts'

const quotaResources = new Set([
  'cpu',
  'memory',
  'ephemeral-storage',
  'storage',
  'requests.cpu',
  'requests.memory',
  'requests.storage',
  'requests.ephemeral-storage',
  'limits.cpu',
  'limits.memory',
  'limits.ephemeral-storage',
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'persistentvolumeclaims',
  'configmaps',
  'services.nodeports',
  'services.loadbalancers',
])
const scopes = [
  'BestEffort',
  'CrossNamespacePodAffinity',
  'NotBestEffort',
  'NotTerminating',
  'PriorityClass',
  'Terminating',
  'VolumeAttributesClass',
]

const isQuotaName = (name: string): boolean =>
  quotaResources.has(name) ||
  name.startsWith('hugepages-') ||
  name.startsWith('requests.hugepages-') ||
  name.startsWith('count/')

const wholeNumbers =
  /^(pods|resourcequotas|services|replicationcontrollers|secrets|persistentvolumeclaims|configmaps|services\..*|count\/.*)$/

const validateAmounts = (amounts: Readonly<Record<string, string>> | undefined, path: string): FieldError[] => {
  const errors: FieldError[] = []
  for (const [name, text] of Object.entries(amounts ?? {})) {
    const at = key(path, name)
    errors.push(...syntax(at, name, isQualifiedName))
    if (!name.includes('/') && !isQuotaName(name)) {
      if (isQualifiedName(name).length === 0)
        errors.push(invalid(at, name, 'must be a standard resource type or fully qualified'))
      errors.push(invalid(at, name, 'must be a standard resource for quota'))
    }
    errors.push(...validateQuantity(at, name, text))
    const amount = quantityOf(text)
    if (amount !== undefined && wholeNumbers.test(name) && amount.nanos % 1_000_000_000n !== 0n) {
      errors.push(invalid(at, text, 'must be an integer'))
    }
  }
  return errors
}

export const validateResourceQuotaStatusUpdate = ({ status }: ResourceQuota): FieldError[] => [
  ...validateAmounts(status?.hard, 'status.hard'),
  ...validateAmounts(status?.used, 'status.used'),
]

export const validateResourceQuota = ({ spec }: ResourceQuota): FieldError[] => {
  const errors = validateAmounts(spec?.hard, 'spec.hard')
  for (const scope of spec?.scopes ?? []) {
    if (!scopes.includes(scope)) errors.push(invalid('spec.scopes', spec?.scopes, 'unsupported scope'))
  }
  const given = new Set(spec?.scopes)
  for (const [one, other] of [
    ['BestEffort', 'NotBestEffort'],
    ['Terminating', 'NotTerminating'],
  ] as const) {
    if (given.has(one) && given.has(other)) errors.push(invalid('spec.scopes', spec?.scopes, 'conflicting scopes'))
  }
  return errors
}

export const validateResourceQuotaUpdate = (next: ResourceQuota, old: ResourceQuota): FieldError[] =>
  immutable('spec.scopes', next.spec?.scopes, old.spec?.scopes)

type Item = NonNullable<LimitRange['spec']>['limits'][number]
type Bound = 'min' | 'max' | 'default' | 'defaultRequest'

const amounts = (item: Item, bound: Bound): Readonly<Record<string, string>> => item[bound] ?? {}

/** Pairs that must be in order, lower first. */
const orders: readonly (readonly [Bound, Bound, Bound])[] = [
  ['min', 'max', 'min'],
  ['min', 'defaultRequest', 'min'],
  ['min', 'default', 'min'],
  ['defaultRequest', 'max', 'defaultRequest'],
  ['defaultRequest', 'default', 'defaultRequest'],
  ['default', 'max', 'default'],
]

const words: Readonly<Record<Bound, string>> = {
  min: 'min',
  max: 'max',
  default: 'default',
  defaultRequest: 'default request',
}

const limitTypes = ['Container', 'PersistentVolumeClaim', 'Pod']

const neitherStorage = 'either minimum or maximum storage value is required, but neither was provided'

const validateItem = (item: Item, path: string): FieldError[] => {
  const errors: FieldError[] = []
  if (!absent(item.type) && !(item.type ?? '').includes('/') && !limitTypes.includes(item.type)) {
    errors.push(invalid(child(path, 'type'), item.type, 'must be a standard limit type or fully qualified'))
  }
  if (item.type === 'Pod') {
    for (const field of ['default', 'defaultRequest'] as const) {
      if (Object.keys(amounts(item, field)).length > 0) {
        errors.push(forbiddenField(child(path, field), "may not be specified when `type` is 'Pod'"))
      }
    }
  }
  if (
    item.type === 'PersistentVolumeClaim' &&
    amounts(item, 'min')['storage'] === undefined &&
    amounts(item, 'max')['storage'] === undefined
  ) {
    errors.push(required(child(path, 'limits'), neitherStorage))
  }
  for (const [low, high, field] of orders) {
    for (const [name, text] of Object.entries(amounts(item, low))) {
      const [lower, upper] = [quantityOf(text), quantityOf(amounts(item, high)[name])]
      if (lower === undefined || upper === undefined || compareQuantities(lower, upper) <= 0) continue
      errors.push(
        invalid(
          key(child(path, field), name),
          text,
          `${words[low]} value ${text} is greater than ${words[high]} value ${amounts(item, high)[name]}`,
        ),
      )
    }
  }
  for (const [name, text] of Object.entries(item.maxLimitRequestRatio ?? {})) {
    const ratio = quantityOf(text)
    if (ratio !== undefined && ratio.nanos < 1_000_000_000n) {
      errors.push(invalid(key(child(path, 'maxLimitRequestRatio'), name), text, `ratio ${text} is less than 1`))
    }
  }
  return errors
}

export const validateLimitRange = ({ spec }: LimitRange): FieldError[] => {
  const types = new Set<string>()
  return (spec?.limits ?? []).flatMap((item, index) => {
    const at = child('spec.limits', index)
    const errors: FieldError[] = absent(item.type)
      ? [required(child(at, 'type'))]
      : syntax(child(at, 'type'), item.type, isQualifiedName)
    if (types.has(item.type)) errors.push(duplicate(child(at, 'type'), item.type))
    types.add(item.type)
    return [...errors, ...validateItem(item, at)]
  })
}
