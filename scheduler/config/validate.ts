/** Whether a KubeSchedulerConfiguration makes sense: upstream's rules and words. Pure. Upstream: validation.go. */
import { isExtendedResource } from '../../api/core/pod-spec/validate-resources.ts'
import { child, duplicate, type FieldError, invalid, required } from '../../api/meta/field-error.ts'
import { isQualifiedName } from '../../api/meta/names.ts'
import { parseDuration } from '../../component-base/flags/duration.ts'
import type { ExtenderSpec, KubeSchedulerConfiguration, ProfileSpec } from './types.ts'
import { validateArgs } from './validate-args.ts'

const when = (wrong: boolean, error: () => FieldError): FieldError[] => (wrong ? [error()] : [])

const percentage = (value: number | undefined, path: string): FieldError[] =>
  when(value !== undefined && (value < 0 || value > 100), () => invalid(path, value, 'not in valid range [0-100]'))

const leaderElection = ({ leaderElection: given }: KubeSchedulerConfiguration): FieldError[] => {
  if (!given.leaderElect) return []
  const at = (name: string): string => child('leaderElection', name)
  const ms = (text: string): number => parseDuration(text) ?? Number.NaN
  const [lease, renew, retry] = [ms(given.leaseDuration), ms(given.renewDeadline), ms(given.retryPeriod)]
  return [
    ...when(!(lease > 0), () => invalid(at('leaseDuration'), given.leaseDuration, 'must be greater than zero')),
    ...when(!(renew > 0), () => invalid(at('renewDeadline'), given.renewDeadline, 'must be greater than zero')),
    ...when(!(retry > 0), () => invalid(at('retryPeriod'), given.retryPeriod, 'must be greater than zero')),
    ...when(lease < renew, () =>
      invalid(at('leaseDuration'), given.renewDeadline, 'LeaseDuration must be greater than RenewDeadline'),
    ),
    ...when(renew < retry, () =>
      invalid(at('renewDeadline'), given.retryPeriod, 'RenewDeadline must be greater than RetryPeriod'),
    ),
    ...when(given.resourceLock !== 'leases', () =>
      invalid(at('resourceLock'), given.resourceLock, 'resourceLock value must be "leases"'),
    ),
  ]
}

/** Plugins of clouds that moved into CSI drivers. */
const removed: ReadonlySet<string> = new Set(['AzureDiskLimits', 'CinderLimits', 'EBSLimits', 'GCEPDLimits'])

const wasRemoved = (name: string, path: string, apiVersion: string): FieldError[] =>
  when(removed.has(name), () =>
    invalid(
      path,
      name,
      `was invalid in version ${JSON.stringify(apiVersion)} (KubeSchedulerConfiguration is version ${JSON.stringify(apiVersion)})`,
    ),
  )

const validateProfile = (profile: ProfileSpec, path: string, apiVersion: string): FieldError[] => [
  ...when(profile.schedulerName === '', () => required(child(path, 'schedulerName'))),
  ...percentage(profile.percentageOfNodesToScore, child(path, 'percentageOfNodesToScore')),
  ...Object.entries(profile.plugins).flatMap(([point, { enabled = [] }]) =>
    enabled.flatMap(({ name }, index) => wasRemoved(name, child(path, 'plugins', point, 'enabled', index), apiVersion)),
  ),
  ...profile.pluginConfig.flatMap(({ name, args }, index) => {
    const at = child(path, 'pluginConfig', index)
    const isRepeated = profile.pluginConfig.slice(0, index).some((other) => other.name === name)
    return [
      ...when(isRepeated, () => duplicate(at, name)),
      ...wasRemoved(name, at, apiVersion),
      ...(validateArgs[name]?.(args ?? {}, child(at, 'args')) ?? []),
    ]
  }),
]

/** All Pods are in one queue: it has one order. */
const commonQueueSort = ({ profiles }: KubeSchedulerConfiguration): FieldError[] => {
  const sortOf = (profile: ProfileSpec | undefined): string =>
    JSON.stringify([
      profile?.plugins['queueSort'],
      profile?.plugins['multiPoint']?.enabled?.some(({ name }) => name === 'PrioritySort'),
    ])
  const first = profiles[0]
  const enabled = first?.plugins['queueSort']?.enabled?.length ?? 0
  return [
    ...when(enabled > 1, () =>
      invalid('profiles[0].plugins.queueSort.Enabled', enabled, 'only one queue sort plugin can be enabled'),
    ),
    ...profiles.flatMap((profile, index) =>
      when(sortOf(profile) !== sortOf(first), () =>
        invalid(
          child('profiles', index, 'plugins', 'queueSort'),
          profile.plugins['queueSort'],
          'must be the same for all profiles',
        ),
      ),
    ),
  ]
}

const managedResource = (name: string, path: string): FieldError[] => {
  const malformed = isQualifiedName(name).map((message) => invalid(path, name, message))
  return malformed.length > 0
    ? malformed
    : when(!isExtendedResource(name), () => invalid(path, name, 'is an invalid extended resource name'))
}

const validateExtenders = (extenders: readonly ExtenderSpec[]): FieldError[] => {
  const binders = extenders.filter(({ bindVerb = '' }) => bindVerb !== '').length
  const seen = new Set<string>()
  return [
    ...extenders.flatMap(({ prioritizeVerb = '', weight = 0, managedResources = [] }, index) => [
      ...when(prioritizeVerb !== '' && weight <= 0, () =>
        invalid(child('extenders', index, 'weight'), weight, 'must have a positive weight applied to it'),
      ),
      ...managedResources.flatMap(({ name }, place) => {
        const at = child('extenders', index, 'managedResources', place, 'name')
        const isRepeated = seen.has(name)
        seen.add(name)
        return [
          ...managedResource(name, at),
          ...when(isRepeated, () => invalid(at, name, 'duplicate extender managed resource name')),
        ]
      }),
    ]),
    ...when(binders > 1, () =>
      invalid('extenders', `found ${binders} extenders implementing bind`, 'only one extender can implement bind'),
    ),
  ]
}

/** Everything that is wrong, at once. */
export const validateConfiguration = (config: KubeSchedulerConfiguration): FieldError[] => {
  const { clientConnection, parallelism, profiles, apiVersion } = config
  const { podInitialBackoffSeconds: initial, podMaxBackoffSeconds: most } = config
  return [
    ...when(clientConnection.burst < 0, () =>
      invalid('clientConnection.burst', clientConnection.burst, 'must be non-negative'),
    ),
    ...leaderElection(config),
    ...when(parallelism <= 0, () =>
      invalid('parallelism', parallelism, 'should be an integer value greater than zero'),
    ),
    ...profiles.flatMap((profile, index) => [
      ...validateProfile(profile, child('profiles', index), apiVersion),
      ...when(
        profiles.slice(0, index).some((other) => other.schedulerName === profile.schedulerName),
        () =>
          duplicate(
            child('profiles', index, 'schedulerName'),
            child(
              'profiles',
              profiles.findIndex((other) => other.schedulerName === profile.schedulerName),
              'schedulerName',
            ),
          ),
      ),
    ]),
    ...commonQueueSort(config),
    ...percentage(config.percentageOfNodesToScore, 'percentageOfNodesToScore'),
    ...when(initial <= 0, () => invalid('podInitialBackoffSeconds', initial, 'must be greater than 0')),
    ...when(most < initial, () =>
      invalid('podMaxBackoffSeconds', most, 'must be greater than or equal to PodInitialBackoffSeconds'),
    ),
    ...validateExtenders(config.extenders),
  ]
}
