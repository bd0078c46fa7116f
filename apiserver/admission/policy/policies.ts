/** The policies of a kind with their bindings, compiled when they are first needed. Upstream: plugin/policy/generic */
import type { KubeObject, LabelSelector } from '../../../api/types.ts'
import type { Resource } from '../../registry/resource.ts'
import type { AdmissionAttributes } from '../admission.ts'
import type { MatchCriteria, Matcher, MatchedRequest } from '../matching/matcher.ts'
import type { Rule } from '../matching/rules.ts'
import type { ParamRef } from './params.ts'

interface MatchResources {
  readonly resourceRules?: readonly Rule[]
  readonly excludeResourceRules?: readonly Rule[]
  readonly matchPolicy?: string
  readonly namespaceSelector?: LabelSelector
  readonly objectSelector?: LabelSelector
}

export interface PolicyObject extends KubeObject {
  readonly spec?: { readonly matchConstraints?: MatchResources }
}
export interface BindingObject extends KubeObject {
  readonly spec?: {
    readonly policyName?: string
    readonly paramRef?: ParamRef
    readonly matchResources?: MatchResources
    readonly validationActions?: readonly string[]
  }
}

export interface BoundPolicy<P extends PolicyObject, C> {
  readonly policy: P
  readonly compiled: C
  readonly bindings: readonly BindingObject[]
}

const criteriaOf = (match: MatchResources | undefined): MatchCriteria => ({
  rules: match?.resourceRules,
  excludeRules: match?.excludeResourceRules,
  matchPolicy: match?.matchPolicy,
  namespaceSelector: match?.namespaceSelector,
  objectSelector: match?.objectSelector,
})

/** Policies cannot bar the way to themselves, nor break the cluster by what is asked and not stored. */
export const isOutOfReach = ({ group, resource }: AdmissionAttributes): boolean =>
  group === 'admissionregistration.k8s.io'
    ? /^(validating|mutating)admissionpolic(ies|ybindings)$/.test(resource)
    : (group === 'authentication.k8s.io' || group === 'authorization.k8s.io') && resource.endsWith('reviews')

/** Reads the policies that there are now, in the order of their names. */
export const policySource = <P extends PolicyObject, C>(
  policies: Resource,
  bindings: Resource,
  compile: (policy: P) => C,
): (() => Promise<readonly BoundPolicy<P, C>[]>) => {
  // A stored object never changes: a changed policy is another object.
  const compiled = new WeakMap<KubeObject, C>()
  const compiledOf = (policy: P): C => {
    const known = compiled.get(policy)
    if (known !== undefined) return known
    const made = compile(policy)
    compiled.set(policy, made)
    return made
  }
  return async () => {
    await policies.store.cache.ready()
    const all = policies.store.cache.range('')
    if (all.length === 0) return []
    await bindings.store.cache.ready()
    const bound = bindings.store.cache.range('').map(({ object }) => object as BindingObject)
    return all.flatMap(({ object }) => {
      const policy = object as P
      const own = bound.filter(({ spec }) => spec?.policyName === policy.metadata?.name)
      return own.length === 0 ? [] : [{ policy, compiled: compiledOf(policy), bindings: own }]
    })
  }
}

export const matchPolicy = (
  matcher: Matcher,
  attributes: AdmissionAttributes,
  { spec }: PolicyObject,
): Promise<MatchedRequest | undefined> => matcher.match(attributes, criteriaOf(spec?.matchConstraints))

/** A binding without match resources is about all that its policy is about; one without rules, only by its selectors. */
export const bindingMatches = async (
  matcher: Matcher,
  attributes: AdmissionAttributes,
  { spec }: BindingObject,
): Promise<boolean> => {
  const match = spec?.matchResources
  if (match === undefined) return true
  const anything: Rule = { operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*', '*/*'] }
  const rules = (match.resourceRules ?? []).length === 0 ? [anything] : match.resourceRules
  return (await matcher.match(attributes, { ...criteriaOf(match), rules })) !== undefined
}
