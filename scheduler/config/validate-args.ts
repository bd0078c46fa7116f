/** Whether the arguments of plugins make sense. Upstream: validation_pluginargs.go. Pure. */
import { validateNodeSelector, validateNodeSelectorTerm } from '../../api/core/pod-spec/validate-scheduling.ts'
import {
  child,
  duplicate,
  type FieldError,
  forbiddenField,
  invalid,
  notSupported,
  required,
} from '../../api/meta/field-error.ts'
import { isQualifiedName } from '../../api/meta/names.ts'
import type { Pod } from '../../api/types.ts'
import { parseDuration } from '../../component-base/flags/duration.ts'
import type { ResourceSpec, ShapePoint } from './types.ts'

type Args = Readonly<Record<string, unknown>>
type Validate = (args: Args, path: string) => FieldError[]

type NodeAffinity = NonNullable<NonNullable<NonNullable<Pod['spec']>['affinity']>['nodeAffinity']>
type SpreadConstraint = NonNullable<NonNullable<Pod['spec']>['topologySpreadConstraints']>[number]

const when = (wrong: boolean, error: () => FieldError): FieldError[] => (wrong ? [error()] : [])
const number = (value: unknown): number => (typeof value === 'number' ? value : 0)
const strings = (value: unknown): readonly string[] => (Array.isArray(value) ? (value as string[]) : [])

const labelName = (name: string, path: string): FieldError[] =>
  isQualifiedName(name).map((message) => invalid(path, name, message))

const defaultPreemption: Validate = (args, path) => {
  const [percentage, absolute] = [
    number(args['minCandidateNodesPercentage']),
    number(args['minCandidateNodesAbsolute']),
  ]
  const [percentagePath, absolutePath] = [
    child(path, 'minCandidateNodesPercentage'),
    child(path, 'minCandidateNodesAbsolute'),
  ]
  const bothZero = percentage === 0 && absolute === 0
  return [
    ...when(percentage < 0 || percentage > 100, () =>
      invalid(percentagePath, percentage, 'not in valid range [0, 100]'),
    ),
    ...when(absolute < 0, () => invalid(absolutePath, absolute, 'not in valid range [0, inf)')),
    ...when(bothZero, () => invalid(percentagePath, 0, 'cannot be zero at the same time as minCandidateNodesAbsolute')),
    ...when(bothZero, () => invalid(absolutePath, 0, 'cannot be zero at the same time as minCandidateNodesPercentage')),
  ]
}

const interPodAffinity: Validate = (args, path) => {
  const weight = number(args['hardPodAffinityWeight'])
  return when(weight < 0 || weight > 100, () =>
    invalid(child(path, 'hardPodAffinityWeight'), weight, 'not in valid range [0, 100]'),
  )
}

const validateConstraint = (constraint: Partial<SpreadConstraint>, path: string): FieldError[] => {
  const { maxSkew = 0, topologyKey = '', whenUnsatisfiable = '', labelSelector } = constraint
  const keyPath = child(path, 'topologyKey')
  const actionPath = child(path, 'whenUnsatisfiable')
  const actions = ['DoNotSchedule', 'ScheduleAnyway']
  return [
    ...when(!(maxSkew > 0), () => invalid(child(path, 'maxSkew'), maxSkew, 'not in valid range (0, inf)')),
    ...(topologyKey === '' ? [required(keyPath, 'can not be empty')] : labelName(topologyKey, keyPath)),
    ...(whenUnsatisfiable === ''
      ? [required(actionPath, 'can not be empty')]
      : when(!actions.includes(whenUnsatisfiable), () => notSupported(actionPath, whenUnsatisfiable, actions))),
    ...when(labelSelector !== undefined, () =>
      forbiddenField(
        child(path, 'labelSelector'),
        'constraint must not define a selector, as they deduced for each pod',
      ),
    ),
  ]
}

const podTopologySpread: Validate = (args, path) => {
  const type = args['defaultingType']
  const typePath = child(path, 'defaultingType')
  const constraints = (args['defaultConstraints'] ?? []) as readonly SpreadConstraint[]
  const listPath = child(path, 'defaultConstraints')
  const repeats = (one: SpreadConstraint, index: number): boolean =>
    constraints
      .slice(0, index)
      .some((other) => other.topologyKey === one.topologyKey && other.whenUnsatisfiable === one.whenUnsatisfiable)
  return [
    ...when(type !== 'System' && type !== 'List', () => notSupported(typePath, type, ['System', 'List'])),
    ...when(type === 'System' && constraints.length > 0, () =>
      invalid(typePath, type, 'when .defaultConstraints are not empty'),
    ),
    ...constraints.flatMap((constraint, index) => [
      ...validateConstraint(constraint, child(listPath, index)),
      ...when(repeats(constraint, index), () =>
        duplicate(child(listPath, index), `{${constraint.topologyKey}, ${constraint.whenUnsatisfiable}}`),
      ),
    ]),
  ]
}

/** Scores in shapes go up to this. Upstream: MaxCustomPriorityScore. */
const maxShapeScore = 10

const validateShape = (shape: readonly Partial<ShapePoint>[], path: string): FieldError[] => {
  if (shape.length === 0) return [required(path, 'at least one point must be specified')]
  const unsorted = shape.findIndex(
    (point, index) => index > 0 && (shape[index - 1]?.utilization ?? 0) >= (point.utilization ?? 0),
  )
  const outside = (value: number, most: number): boolean => value < 0 || value > most
  return [
    ...when(unsorted >= 0, () =>
      invalid(
        child(path, unsorted, 'utilization'),
        shape[unsorted]?.utilization,
        'values must be sorted in increasing order',
      ),
    ),
    ...shape.flatMap(({ utilization = 0, score = 0 }, index) => [
      ...when(outside(utilization, 100), () =>
        invalid(child(path, index, 'utilization'), utilization, 'not in valid range [0, 100]'),
      ),
      ...when(outside(score, maxShapeScore), () =>
        invalid(child(path, index, 'score'), score, `not in valid range [0, ${maxShapeScore}]`),
      ),
    ]),
  ]
}

const balancedAllocation: Validate = (args, path) => {
  const resources = (args['resources'] ?? []) as readonly ResourceSpec[]
  const at = child(path, 'resources')
  return resources.flatMap(({ name, weight }, index) => [
    ...when(
      resources.slice(0, index).some((other) => other.name === name),
      () => duplicate(child(at, index, 'name'), name),
    ),
    ...when(weight !== 1, () => invalid(child(at, index, 'weight'), weight, 'must be 1')),
  ])
}

const nodeAffinity: Validate = (args, path) => {
  const affinity = args['addedAffinity'] as NodeAffinity | undefined
  const at = child(path, 'addedAffinity')
  const selector = affinity?.requiredDuringSchedulingIgnoredDuringExecution
  const preferred = affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []
  return [
    ...(selector === undefined
      ? []
      : validateNodeSelector(selector, child(at, 'requiredDuringSchedulingIgnoredDuringExecution'))),
    ...preferred.flatMap(({ preference }, index) =>
      validateNodeSelectorTerm(
        preference,
        child(at, 'preferredDuringSchedulingIgnoredDuringExecution', index, 'preference'),
      ),
    ),
  ]
}

const strategies = ['LeastAllocated', 'MostAllocated', 'RequestedToCapacityRatio']

const scoringStrategy = (strategy: Args, path: string): FieldError[] => {
  const type = strategy['type']
  const resources = (strategy['resources'] ?? []) as readonly ResourceSpec[]
  const ratio = strategy['requestedToCapacityRatio'] as { readonly shape?: readonly ShapePoint[] } | undefined
  const ratioPath = child(path, 'requestedToCapacityRatio')
  const aboutRatio = (): FieldError[] => {
    if (type !== 'RequestedToCapacityRatio') {
      return when(ratio !== undefined, () =>
        forbiddenField(ratioPath, 'must be nil when type is not RequestedToCapacityRatio'),
      )
    }
    return ratio === undefined
      ? [required(ratioPath, 'must be specified when type is RequestedToCapacityRatio')]
      : validateShape(ratio.shape ?? [], child(ratioPath, 'shape'))
  }
  return [
    ...when(!strategies.includes(String(type ?? '')), () => notSupported(child(path, 'type'), type ?? '', strategies)),
    ...resources.flatMap(({ name, weight }, index) =>
      when(!(weight > 0 && weight <= 100), () =>
        invalid(
          child(path, 'resources', index, 'weight'),
          weight,
          `resource weight of ${name} not in valid range (0, 100]`,
        ),
      ),
    ),
    ...aboutRatio(),
  ]
}

const nodeResourcesFit: Validate = (args, path) => [
  ...strings(args['ignoredResources']).flatMap((name, index) =>
    labelName(name, child(path, 'ignoredResources', index)),
  ),
  ...strings(args['ignoredResourceGroups']).flatMap((group, index) => {
    const at = child(path, 'ignoredResourceGroups', index)
    return [
      ...when(group.includes('/'), () => invalid(at, group, "resource group name can't contain '/'")),
      ...labelName(group, at),
    ]
  }),
  ...scoringStrategy((args['scoringStrategy'] ?? {}) as Args, child(path, 'scoringStrategy')),
]

/** Gates StorageCapacityScoring and the like are alpha: their fields are refused. */
const volumeBinding: Validate = (args, path) => [
  ...when(number(args['bindTimeoutSeconds']) < 0, () =>
    invalid(
      child(path, 'bindTimeoutSeconds'),
      args['bindTimeoutSeconds'],
      'invalid BindTimeoutSeconds, should not be a negative value',
    ),
  ),
  ...when(args['shape'] !== undefined, () =>
    invalid(
      child(path, 'shape'),
      args['shape'],
      'unexpected field `shape`, remove it or turn on the feature gate StorageCapacityScoring',
    ),
  ),
]

const dynamicResources: Validate = (args, path) => {
  const ms = (name: string): number | undefined => parseDuration(String(args[name] ?? '0'))
  const [filter, binding] = [ms('filterTimeout'), ms('bindingTimeout')]
  return [
    ...when(filter === undefined || filter < 0, () =>
      invalid(child(path, 'filterTimeout'), args['filterTimeout'], 'must be zero or positive'),
    ),
    ...when(args['bindingTimeout'] !== undefined && (binding === undefined || binding < 1000), () =>
      invalid(child(path, 'bindingTimeout'), args['bindingTimeout'], 'must be at least 1 second'),
    ),
  ]
}

/** By plugin; others have no arguments, or are not ours to judge. */
export const validateArgs: Readonly<Record<string, Validate>> = {
  DefaultPreemption: defaultPreemption,
  DynamicResources: dynamicResources,
  InterPodAffinity: interPodAffinity,
  NodeAffinity: nodeAffinity,
  NodeResourcesBalancedAllocation: balancedAllocation,
  NodeResourcesFit: nodeResourcesFit,
  PodTopologySpread: podTopologySpread,
  VolumeBinding: volumeBinding,
}
