/** The webhooks that there are, in the order in which they are asked. Upstream: apiserver/pkg/admission/configuration */
import { admissionEnvironment } from '../../../api/cel/admission-environment.ts'
import type { KubeObject, MutatingWebhookConfiguration, ValidatingWebhookConfiguration } from '../../../api/types.ts'
import type { Resource } from '../../registry/resource.ts'
import type { AdmissionAttributes } from '../admission.ts'
import type { MatchCriteria } from '../matching/matcher.ts'
import { compileConditions, type Condition } from '../policy/expressions.ts'

type WebhookSpec =
  | NonNullable<ValidatingWebhookConfiguration['webhooks']>[number]
  | NonNullable<MutatingWebhookConfiguration['webhooks']>[number]

export interface Hook {
  /** Tells it apart from all others. */
  readonly id: string
  readonly name: string
  readonly configuration: string
  readonly spec: WebhookSpec
  readonly criteria: MatchCriteria
  readonly conditions: readonly Condition[]
  readonly failsClosed: boolean
  /** Seconds. */
  readonly timeout: number
  readonly asksAgain: boolean
}

const hookOf = (spec: WebhookSpec, configuration: string, index: number): Hook => ({
  id: `${configuration}/${index}/${spec.name}`,
  name: spec.name,
  configuration,
  spec,
  criteria: {
    rules: spec.rules,
    matchPolicy: spec.matchPolicy,
    namespaceSelector: spec.namespaceSelector,
    objectSelector: spec.objectSelector,
  },
  conditions: compileConditions(spec.matchConditions, admissionEnvironment({ hasParams: false, hasAuthorizer: true })),
  failsClosed: spec.failurePolicy !== 'Ignore',
  timeout: spec.timeoutSeconds ?? 10,
  asksAgain: 'reinvocationPolicy' in spec && spec.reinvocationPolicy === 'IfNeeded',
})

interface Configuration extends KubeObject {
  readonly webhooks?: readonly WebhookSpec[]
}

/** Nobody can bar the way to what would set things right again. Upstream: IsExemptAdmissionConfigurationResource. */
export const isExempt = ({ group, resource }: AdmissionAttributes): boolean =>
  group === 'admissionregistration.k8s.io' &&
  /^(?:(?:validating|mutating)webhookconfigurations|(?:validating|mutating)admissionpolic(?:ies|ybindings))$/.test(
    resource,
  )

/** Reads the configurations of a kind, by their names. What is not changed is compiled once. */
export const hookSource = (configurations: Resource): (() => Promise<readonly Hook[]>) => {
  const compiled = new WeakMap<KubeObject, readonly Hook[]>()
  const hooksOf = (configuration: Configuration): readonly Hook[] => {
    const known = compiled.get(configuration)
    if (known !== undefined) return known
    const name = configuration.metadata?.name ?? ''
    const made = (configuration.webhooks ?? []).map((spec, index) => hookOf(spec, name, index))
    compiled.set(configuration, made)
    return made
  }
  return async () => {
    const { cache } = configurations.store
    await cache.ready()
    return cache.range('').flatMap(({ object }) => hooksOf(object as Configuration))
  }
}
