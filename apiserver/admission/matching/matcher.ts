/**
 * Whether a request is a webhook's or policy's business, and in which version it wants to see it.
 * Upstream: apiserver/pkg/admission/plugin/policy/matching, webhook/generic
 */
import { matcherFromLabelSelector } from '../../../api/meta/labels.ts'
import type { KubeObject, LabelSelector, Namespace } from '../../../api/types.ts'
import { inVersion, keyFor, type Resource } from '../../registry/resource.ts'
import type { Resources } from '../../registry/resources.ts'
import type { AdmissionAttributes } from '../admission.ts'
import { matchesRule, type Rule, type RuleSubject } from './rules.ts'

export interface MatchCriteria {
  readonly rules: readonly Rule[] | undefined
  /** Of policies: what is not their business after all. */
  readonly excludeRules?: readonly Rule[] | undefined
  readonly matchPolicy: string | undefined
  readonly namespaceSelector: LabelSelector | undefined
  readonly objectSelector: LabelSelector | undefined
}

/** A request as its matcher sees it: perhaps in another version than it was made in. */
export interface MatchedRequest {
  readonly group: string
  readonly version: string
  readonly resource: string
  readonly kind: { readonly group: string; readonly version: string; readonly kind: string }
  readonly object: KubeObject | undefined
  readonly oldObject: KubeObject | undefined
}

export interface Matcher {
  readonly match: (attributes: AdmissionAttributes, criteria: MatchCriteria) => Promise<MatchedRequest | undefined>
  /** The namespace that a request is in; undefined for what is in none, or where it is not there (yet). */
  readonly namespaceOf: (attributes: AdmissionAttributes) => Promise<Namespace | undefined>
}

const isNamespace = ({ group, resource }: AdmissionAttributes): boolean => group === '' && resource === 'namespaces'
const isEmpty = (selector: LabelSelector | undefined): boolean =>
  selector === undefined ||
  (Object.keys(selector.matchLabels ?? {}).length === 0 && (selector.matchExpressions ?? []).length === 0)

/** Both the old and the new object count: what leaves a selector is still the selector's business. */
const matchesObject = (selector: LabelSelector | undefined, { object, oldObject }: AdmissionAttributes): boolean => {
  if (isEmpty(selector)) return true
  const matches = matcherFromLabelSelector(selector)
  return [object, oldObject].some((one) => one !== undefined && matches(one.metadata?.labels))
}

/** The object of a subresource (a Scale, an Eviction) has versions of its own: only the resource's object is converted. */
const asSeen = async (from: Resource, to: Resource, object: KubeObject | undefined): Promise<KubeObject | undefined> =>
  object === undefined ? undefined : inVersion(from, to, object)

export const createMatcher = (resources: Resources): Matcher => {
  const namespaces = resources.get({ group: '', version: 'v1', resource: 'namespaces' })

  const namespaceOf = async (attributes: AdmissionAttributes): Promise<Namespace | undefined> => {
    if (isNamespace(attributes) || attributes.namespace === '') return undefined
    return (await namespaces.store.getCached(keyFor(namespaces, '', attributes.namespace)))?.object as
      | Namespace
      | undefined
  }

  /** A Namespace is in itself: its own labels count. What is in no namespace always matches. */
  const matchesNamespace = async (
    selector: LabelSelector | undefined,
    attributes: AdmissionAttributes,
  ): Promise<boolean> => {
    if (isEmpty(selector)) return true
    const matches = matcherFromLabelSelector(selector)
    if (isNamespace(attributes)) {
      if (attributes.subresource !== '') return true
      return matches((attributes.object ?? attributes.oldObject)?.metadata?.labels)
    }
    if (attributes.namespace === '') return true
    const namespace = await namespaceOf(attributes)
    return namespace !== undefined && matches(namespace.metadata?.labels)
  }

  const subjectOf = (attributes: AdmissionAttributes, resource: Resource): RuleSubject => ({
    operation: attributes.operation,
    group: resource.definition.group,
    version: resource.definition.version,
    resource: resource.definition.plural,
    subresource: attributes.subresource,
    // A Namespace is an object of the cluster.
    namespaced: resource.namespaced,
    name: attributes.name,
  })

  const match = async (
    attributes: AdmissionAttributes,
    criteria: MatchCriteria,
  ): Promise<MatchedRequest | undefined> => {
    const { group, version, resource: plural } = attributes
    const own = resources.find(group, version, plural)
    if (own === undefined) return undefined
    const versions = criteria.matchPolicy === 'Exact' ? [own] : [own, ...own.versions.filter((other) => other !== own)]
    const named = (rules: readonly Rule[] | undefined): Resource | undefined =>
      versions.find((resource) => rules?.some((rule) => matchesRule(rule, subjectOf(attributes, resource))))
    const seen = named(criteria.rules)
    if (seen === undefined || named(criteria.excludeRules) !== undefined) return undefined
    if (!matchesObject(criteria.objectSelector, attributes)) return undefined
    if (!(await matchesNamespace(criteria.namespaceSelector, attributes))) return undefined
    const converts = attributes.subresource === '' || attributes.subresource === 'status'
    const { definition } = seen
    return {
      group: definition.group,
      version: definition.version,
      resource: definition.plural,
      kind: converts && seen !== own ? definition : attributes.kind,
      object: converts ? await asSeen(own, seen, attributes.object) : attributes.object,
      oldObject: converts ? await asSeen(own, seen, attributes.oldObject) : attributes.oldObject,
    }
  }
  return { match, namespaceOf }
}
