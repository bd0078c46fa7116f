/**
 * Selectors of requests as authorizers see them. Requirements are ANDed: one that cannot be read may be left out, the
 * question is only broader then. Upstream: AuthorizeWithSelectors
 */
import { type FieldRequirement, parseFieldSelector } from '../../api/meta/fields.ts'
import { type LabelRequirement, parseLabelSelector, requirementsOf } from '../../api/meta/labels.ts'

export interface Selectors {
  readonly fieldSelector: readonly FieldRequirement[]
  readonly labelSelector: readonly LabelRequirement[]
}

const readable = <T>(parse: () => readonly T[]): readonly T[] => {
  try {
    return parse()
  } catch {
    return []
  }
}

export const fieldRequirements = (text: string): readonly FieldRequirement[] =>
  text === '' ? [] : readable(() => parseFieldSelector(text))
export const labelRequirements = (text: string): readonly LabelRequirement[] =>
  text === '' ? [] : readable(() => parseLabelSelector(text).requirements)

const narrowed: readonly string[] = ['list', 'watch', 'deletecollection']
const none: Selectors = Object.freeze({ fieldSelector: [], labelSelector: [] })

/** Most authorizers never ask for them: they are read when somebody does. */
class RequestSelectors implements Selectors {
  readonly #query: URLSearchParams
  #fields: readonly FieldRequirement[] | undefined
  #labels: readonly LabelRequirement[] | undefined

  constructor(query: URLSearchParams) {
    this.#query = query
  }
  get fieldSelector(): readonly FieldRequirement[] {
    return (this.#fields ??= fieldRequirements(this.#query.get('fieldSelector') ?? ''))
  }
  get labelSelector(): readonly LabelRequirement[] {
    return (this.#labels ??= labelRequirements(this.#query.get('labelSelector') ?? ''))
  }
}

export const requestSelectors = (verb: string, query: URLSearchParams): Selectors =>
  narrowed.includes(verb) && (query.has('fieldSelector') || query.has('labelSelector'))
    ? new RequestSelectors(query)
    : none

/** A requirement as access reviews have it. */
export interface Requirement {
  readonly key?: string
  readonly operator?: string
  readonly values?: readonly string[]
}
interface ReviewedSelector {
  readonly rawSelector?: string
  readonly requirements?: readonly Requirement[]
}

/** Field selectors know one value alone, and that a field has it or has it not. */
const fieldRequirementOf = ({ key = '', operator, values = [] }: Requirement): FieldRequirement[] => {
  const [value] = values
  if (value === undefined || values.length > 1 || (operator !== 'In' && operator !== 'NotIn')) return []
  return [{ field: key, op: operator === 'In' ? '=' : '!=', value }]
}

const labelRequirementOf = ({ key = '', operator = '', values = [] }: Requirement): readonly LabelRequirement[] =>
  readable(() => requirementsOf({ matchExpressions: [{ key, operator, values: [...values] }] }))

/** What an access review asks about. */
export const reviewedSelectors = (review: {
  readonly fieldSelector?: ReviewedSelector
  readonly labelSelector?: ReviewedSelector
}): Selectors => {
  const { fieldSelector: field = {}, labelSelector: label = {} } = review
  return {
    fieldSelector:
      (field.requirements ?? []).length > 0
        ? (field.requirements ?? []).flatMap(fieldRequirementOf)
        : fieldRequirements(field.rawSelector ?? ''),
    labelSelector:
      (label.requirements ?? []).length > 0
        ? (label.requirements ?? []).flatMap(labelRequirementOf)
        : labelRequirements(label.rawSelector ?? ''),
  }
}

/** Upstream: labelSelectorToAuthorizationAPI; Gt and Lt have no name there. */
const labelOperators: Readonly<Partial<Record<LabelRequirement['op'], string>>> = {
  '=': 'In',
  '==': 'In',
  in: 'In',
  '!=': 'NotIn',
  notin: 'NotIn',
  exists: 'Exists',
  '!': 'DoesNotExist',
}

/** As a SubjectAccessReview says them; a selector without a requirement is not said. */
export const reviewSelectors = ({
  fieldSelector,
  labelSelector,
}: Selectors): {
  readonly fieldSelector?: { readonly requirements: readonly Requirement[] }
  readonly labelSelector?: { readonly requirements: readonly Requirement[] }
} => {
  const fields = fieldSelector.map(
    ({ field, op, value }): Requirement => ({ key: field, operator: op === '=' ? 'In' : 'NotIn', values: [value] }),
  )
  const labels = labelSelector.flatMap(({ key, op, values }): Requirement[] => {
    const operator = labelOperators[op]
    if (operator === undefined) return []
    return [{ key, operator, ...(values.length === 0 ? {} : { values }) }]
  })
  return {
    ...(fields.length === 0 ? {} : { fieldSelector: { requirements: fields } }),
    ...(labels.length === 0 ? {} : { labelSelector: { requirements: labels } }),
  }
}
