/** CEL that says which requests are a webhook's. Upstream: apiserver/pkg/authorization/cel */
import type { Environment } from '../../api/cel/environment.ts'
import { fromJson } from '../../api/cel/json-values.ts'
import { kubernetesEnvironment } from '../../api/cel/library/kubernetes.ts'
import { compile } from '../../api/cel/program.ts'
import { structTypes } from '../../api/cel/struct-types.ts'
import { objectOf } from '../../api/cel/types.ts'
import { aggregate } from './authorizer.ts'
import type { ReviewSpec } from './subject-access-review.ts'

const requestType = 'kubernetes.SubjectAccessReviewSpec'
const requirements = 'list(object(kubernetes.SelectorRequirement))'
const types = structTypes({
  [requestType]: {
    resourceAttributes: 'object(kubernetes.ResourceAttributes)',
    nonResourceAttributes: 'object(kubernetes.NonResourceAttributes)',
    user: 'string',
    groups: 'list(string)',
    extra: 'map(string, list(string))',
    uid: 'string',
  },
  'kubernetes.ResourceAttributes': {
    namespace: 'string',
    verb: 'string',
    group: 'string',
    version: 'string',
    resource: 'string',
    subresource: 'string',
    name: 'string',
    fieldSelector: 'object(kubernetes.FieldSelectorAttributes)',
    labelSelector: 'object(kubernetes.LabelSelectorAttributes)',
  },
  'kubernetes.NonResourceAttributes': { path: 'string', verb: 'string' },
  'kubernetes.FieldSelectorAttributes': { rawSelector: 'string', requirements },
  'kubernetes.LabelSelectorAttributes': { rawSelector: 'string', requirements },
  'kubernetes.SelectorRequirement': { key: 'string', operator: 'string', values: 'list(string)' },
})

export const matchConditionEnvironment = (): Environment =>
  kubernetesEnvironment({ request: objectOf(requestType) }, types)

/** Upstream: PerCallLimit. */
const costLimit = 1_000_000

export type MatchConditions = (spec: ReviewSpec) => boolean

const attributeNames = ['namespace', 'verb', 'group', 'version', 'resource', 'subresource', 'name'] as const

/** Every text is there for expressions, also an empty one. Upstream: convertObjectToUnstructured */
const requestOf = ({ resourceAttributes, nonResourceAttributes, user, groups, extra, uid }: ReviewSpec): object => ({
  user: user ?? '',
  uid: uid ?? '',
  groups: groups ?? [],
  extra: extra ?? {},
  ...(resourceAttributes === undefined
    ? {}
    : {
        resourceAttributes: {
          ...resourceAttributes,
          ...Object.fromEntries(attributeNames.map((name) => [name, resourceAttributes[name] ?? ''])),
        },
      }),
  ...(nonResourceAttributes === undefined
    ? {}
    : { nonResourceAttributes: { path: nonResourceAttributes.path ?? '', verb: nonResourceAttributes.verb ?? '' } }),
})

/** Whether all expressions hold: one that is false counts more than one that fails; a failure throws. */
export const compileMatchConditions = (expressions: readonly string[]): MatchConditions => {
  const environment = matchConditionEnvironment()
  const programs = expressions.map((expression) => ({ expression, program: compile(expression, environment) }))
  return (spec) => {
    const request = fromJson(requestOf(spec))
    const errors: Error[] = []
    for (const { expression, program } of programs) {
      try {
        const { value } = program.evaluate((name) => (name === 'request' ? request : undefined), costLimit)
        if (value !== true) return false
      } catch (error) {
        const why = (error as Error).message
        errors.push(new Error(`cel evaluation error: expression '${expression}' resulted in error: ${why}`))
      }
    }
    const error = aggregate(errors)
    if (error !== undefined) throw error
    return true
  }
}
