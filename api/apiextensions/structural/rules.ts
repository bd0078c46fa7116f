/** x-kubernetes-validations: rules that values must keep. Upstream: apiserver/schema/cel/validation.go */
import type { Expr } from '../../cel/ast.ts'
import { kubernetesEnvironment } from '../../cel/library/kubernetes.ts'
import { parse } from '../../cel/parser.ts'
import { compile, type Program } from '../../cel/program.ts'
import { boolType, optionalOf, simple } from '../../cel/types.ts'
import { CelCostError, CelError, Optional, type Value } from '../../cel/values.ts'
import { checkExpression } from '../../cel/validate.ts'
import { equalJson } from '../../meta/clone.ts'
import { child, duplicate, type FieldError, forbiddenField, invalid, key, required } from '../../meta/field-error.ts'
import { toValue, typesOf } from './cel-values.ts'
import { maxElementsOf, messageCost, type RuleCost, ruleCost } from './rule-costs.ts'
import { type Rule, validateRuleFields } from './rule-fields.ts'
import { sizesOf } from './sizes.ts'
import { extension, isObject, type JsonSchema, type Structural, structuralOf } from './structural.ts'

const maxRuleCost = 1_000_000
const maxTotalCost = 10_000_000
const maxMessageBytes = 2048

export const rulesOf = (schema: JsonSchema): readonly Rule[] => {
  const rules = extension(schema, 'x-kubernetes-validations')
  return Array.isArray(rules) ? (rules as Rule[]) : []
}

const childrenOf = (expr: Expr): readonly Expr[] => {
  switch (expr.kind) {
    case 'select':
      return [expr.operand]
    case 'call':
      return expr.target === undefined ? expr.args : [expr.target, ...expr.args]
    case 'list':
      return expr.elements.map(({ value }) => value)
    case 'map':
      return expr.entries.flatMap(({ key: name, value }) => [name, value])
    case 'struct':
      return expr.fields.map(({ value }) => value)
    case 'comprehension':
      return [expr.range, expr.init, expr.condition, expr.step, expr.result]
    case 'literal':
    case 'ident':
      return []
  }
}

const names = (expr: Expr, name: string): boolean =>
  (expr.kind === 'ident' && expr.name === name) || childrenOf(expr).some((part) => names(part, name))

const environmentOf = (schema: Structural, isResource: boolean, optionalOld: boolean) => {
  const { type, types } = typesOf(schema, isResource)
  return kubernetesEnvironment({ self: type, oldSelf: optionalOld ? optionalOf(type) : type }, types)
}

/** What the rules of a schema and of all that is in it have wrong, and what each may cost. */
export interface RuleCheck {
  readonly errors: readonly FieldError[]
  readonly costs: readonly RuleCost[]
}

/** How often values of a schema may occur in an object; undefined where no limit says. */
type Cardinality = number | undefined

const within = (schema: JsonSchema, cardinality: Cardinality): Cardinality => {
  const most = maxElementsOf(schema)
  return cardinality === undefined || most === undefined ? undefined : cardinality * most
}

/** Where a schema stands in the one that is checked. */
interface Place {
  readonly isRoot: boolean
  readonly cardinality: Cardinality
  /** The list or map above whose parts cannot be told which they were before. */
  readonly uncorrelated: string | undefined
}

const checkNode = (schema: JsonSchema, path: string, place: Place): RuleCheck => {
  const errors: FieldError[] = []
  const costs: RuleCost[] = []
  const rules = rulesOf(schema)
  // Only where there are rules: a schema is read with all that is in it.
  const structural = rules.length === 0 ? undefined : structuralOf(schema)
  for (const [index, rule] of rules.entries()) {
    if (structural === undefined) break
    const at = child(path, `x-kubernetes-validations[${index}]`)
    const wrong = validateRuleFields(rule, structural, at)
    const found = wrong.length > 0 ? { errors: wrong, costs: [] } : checkRule(rule, structural, { ...place, at })
    errors.push(...found.errors)
    costs.push(...found.costs)
  }
  const cardinality = within(schema, place.cardinality)
  const below = (part: JsonSchema, at: string, uncorrelated: string | undefined): void => {
    const found = checkNode(part, at, { isRoot: false, cardinality, uncorrelated: place.uncorrelated ?? uncorrelated })
    errors.push(...found.errors)
    costs.push(...found.costs)
  }
  const whole = extension(schema, 'x-kubernetes-map-type') === 'atomic' ? path : undefined
  for (const [name, part] of Object.entries(schema.properties ?? {}))
    below(part, key(child(path, 'properties'), name), whole)
  const items = schema.items as JsonSchema | undefined
  const at = child(path, 'items')
  const byKey = extension(schema, 'x-kubernetes-list-type') === 'map'
  if (items !== undefined) below(items, at, byKey ? undefined : at)
  const additional = schema.additionalProperties as JsonSchema | boolean | undefined
  if (typeof additional === 'object') below(additional, child(path, 'additionalProperties'), whole)
  return { errors, costs }
}

const checkRule = (rule: Rule, schema: Structural, place: Place & { readonly at: string }): RuleCheck => {
  const { rule: expression = '', messageExpression = '', optionalOldSelf } = rule
  const { at, cardinality, uncorrelated } = place
  const isResource = place.isRoot || schema.embedded
  const environment = environmentOf(schema, isResource, optionalOldSelf === true)
  const size = sizesOf(schema, isResource)
  const where = child(at, 'rule')
  const { errors: wrong, source } = checkExpression(where, expression, environment, [boolType])
  const errors = [...wrong]
  const costs: RuleCost[] = []
  if (source !== undefined) {
    if (size !== undefined) costs.push(ruleCost(where, source, size, cardinality))
    if (!names(source.root, 'oldSelf')) {
      if (optionalOldSelf !== undefined)
        errors.push(
          invalid(child(at, 'optionalOldSelf'), optionalOldSelf, 'may not be set if oldSelf is not used in rule'),
        )
    } else if (uncorrelated !== undefined) {
      const detail = `oldSelf cannot be used on the uncorrelatable portion of the schema within ${uncorrelated}`
      errors.push(invalid(where, expression, detail))
    }
  }
  if (messageExpression === '') return { errors, costs }
  const messageAt = child(at, 'messageExpression')
  const message = checkExpression(messageAt, messageExpression, environment, [simple('string')])
  if (message.source !== undefined && size !== undefined) costs.push(messageCost(messageAt, message.source, size))
  return { errors: [...errors, ...message.errors], costs }
}

/** Checks a root schema, whose structure is valid. */
export const checkRules = (schema: JsonSchema, path: string): RuleCheck =>
  checkNode(schema, path, { isRoot: true, cardinality: 1, uncorrelated: undefined })

interface CompiledRule {
  readonly rule: Rule
  readonly program: Program
  readonly message: Program | undefined
  /** Compares with the value before: not asked where there is none. */
  readonly isTransition: boolean
}

interface Node {
  readonly schema: Structural
  readonly rules: readonly CompiledRule[]
  readonly properties: ReadonlyMap<string, Node>
  readonly additional: Node | undefined
  readonly items: Node | undefined
}

const compileNode = (schema: Structural, isResource: boolean): Node | undefined => {
  const rules = rulesOf(schema.schema).map((rule): CompiledRule => {
    const environment = environmentOf(schema, isResource, rule.optionalOldSelf === true)
    const { messageExpression = '' } = rule
    return {
      rule,
      program: compile(rule.rule ?? '', environment),
      message: messageExpression === '' ? undefined : compile(messageExpression, environment),
      isTransition: names(parse(rule.rule ?? ''), 'oldSelf'),
    }
  })
  const properties = new Map<string, Node>()
  for (const [name, part] of schema.properties) {
    const node = compileNode(part, part.embedded)
    if (node !== undefined) properties.set(name, node)
  }
  const additional = typeof schema.additional === 'object' ? compileNode(schema.additional, false) : undefined
  const items = schema.items === undefined ? undefined : compileNode(schema.items, schema.items.embedded)
  if (rules.length === 0 && properties.size === 0 && additional === undefined && items === undefined) return undefined
  return { schema, rules, properties, additional, items }
}

const messageOf = ({ rule, message }: CompiledRule, variables: (name: string) => Value | undefined): string => {
  const plain = (rule.message ?? '').trim() || `failed rule: ${(rule.rule ?? '').trim()}`
  if (message === undefined) return plain
  try {
    const { value } = message.evaluate(variables, maxRuleCost)
    const text = typeof value === 'string' ? value.trim() : ''
    const usable = text !== '' && !/[\n\r]/.test(text) && Buffer.byteLength(text) <= maxMessageBytes
    return usable ? text : plain
  } catch (error) {
    if (error instanceof CelError || error instanceof CelCostError) return plain
    throw error
  }
}

const failure = (path: string, type: string, message: string, reason: string | undefined): FieldError => {
  if (reason === 'FieldValueForbidden') return forbiddenField(path, message)
  if (reason === 'FieldValueRequired') return required(path, message)
  if (reason === 'FieldValueDuplicate') return duplicate(path, type)
  return invalid(path, type, message)
}

/** `.a.b['c']` behind the path of the rule's own value. */
const atField = (path: string, fieldPath: string | undefined): string =>
  fieldPath === undefined || fieldPath === '' ? path : `${path}${fieldPath}`.replace(/^\./, '')

export interface RuleFailures {
  readonly errors: readonly FieldError[]
  /** What fails, but did so before, and was not changed. */
  readonly forgiven: readonly FieldError[]
}

export type CheckRules = (value: unknown, old: unknown) => RuleFailures

/** Elements of a list by key are compared with those that had the same key before; of other lists with none. */
const oldItem = (schema: Structural, item: unknown, old: unknown): unknown => {
  if (schema.listType !== 'map' || !Array.isArray(old) || !isObject(item)) return undefined
  return old.find((one) => isObject(one) && schema.listMapKeys.every((name) => one[name] === item[name]))
}

/** The check of an object against all rules of its schema; undefined where it has none. Throws CelSourceError for a rule that does not compile. */
export const compileRules = (schema: Structural): CheckRules | undefined => {
  const root = compileNode(schema, true)
  if (root === undefined) return undefined
  return (value, old) => {
    const errors: FieldError[] = []
    const forgiven: FieldError[] = []
    let left = maxTotalCost

    const evaluate = (compiled: CompiledRule, node: Node, self: unknown, before: unknown, path: string): void => {
      const { rule, program, isTransition } = compiled
      const optional = rule.optionalOldSelf === true
      if (isTransition && before === undefined && !optional) return
      const oldValue = (): Value => {
        const plain = before === undefined ? undefined : toValue(node.schema, before)
        if (!optional) return plain ?? null
        return plain === undefined ? Optional.none : Optional.of(plain)
      }
      // Made once: a rule that loops reads them at every step.
      let value: Value | undefined
      let previous: Value | undefined
      const variables = (name: string): Value | undefined =>
        name === 'self'
          ? (value ??= toValue(node.schema, self))
          : name === 'oldSelf'
            ? (previous ??= oldValue())
            : undefined
      const type = node.schema.type || 'object'
      // What an update does not change may go on failing, but for rules that compare.
      const fail = (error: FieldError): void => {
        const isOld = !isTransition && before !== undefined && equalJson(self, before)
        ;(isOld ? forgiven : errors).push(error)
      }
      try {
        const { value: kept, cost } = program.evaluate(variables, Math.min(maxRuleCost, left))
        left -= cost
        if (kept !== true)
          fail(failure(atField(path, rule.fieldPath), type, messageOf(compiled, variables), rule.reason))
      } catch (error) {
        const shown = (rule.message ?? '').trim() || `failed rule: ${(rule.rule ?? '').trim()}`
        if (error instanceof CelCostError) {
          left = 0
          const detail = `no further validation rules will be run due to call cost exceeds limit for rule: ${rule.rule}`
          errors.push(invalid(path, type, detail))
        } else if (error instanceof CelError) {
          fail(invalid(path, type, `${error.message} evaluating rule: ${shown}`))
        } else throw error
      }
    }

    const walk = (node: Node, self: unknown, before: unknown, path: string): void => {
      if (self === null || self === undefined) return
      for (const compiled of node.rules) if (left > 0) evaluate(compiled, node, self, before, path)
      if (Array.isArray(self)) {
        const { items, schema: list } = node
        if (items === undefined) return
        for (const [index, item] of self.entries()) walk(items, item, oldItem(list, item, before), child(path, index))
      } else if (isObject(self)) {
        for (const [name, item] of Object.entries(self)) {
          const declared = node.properties.get(name)
          const inner = declared ?? (node.schema.properties.has(name) ? undefined : node.additional)
          if (inner === undefined) continue
          const at = declared === undefined ? key(path, name) : path === '' ? name : child(path, name)
          walk(inner, item, isObject(before) ? before[name] : undefined, at)
        }
      }
    }
    walk(root, value, old, '')
    return { errors, forgiven }
  }
}
