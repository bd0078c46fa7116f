/** What a MutatingAdmissionPolicy makes of an object. Upstream: plugin/policy/mutating, mutating/patch */
import { toJson } from '../../../api/cel/to-json.ts'
import { CelCostError, CelError, type Value } from '../../../api/cel/values.ts'
import { StatusError } from '../../../api/meta/status-error.ts'
import { checkTyped } from '../../../api/patch/apply/typed-check.ts'
import { mergeApplied } from '../../../api/patch/apply/typed-merge.ts'
import { isJsonObject, membersOf } from '../../../api/patch/apply/typed-value.ts'
import { applyJsonPatch } from '../../../api/patch/json-patch.ts'
import { type Schema, schemaFor } from '../../../api/schema/schema.ts'
import type { KubeObject, MutatingAdmissionPolicy } from '../../../api/types.ts'
import { cloneJson } from '../../storage/json.ts'
import { decodePatched } from '../matching/patched-object.ts'
import type { MatchedRequest } from '../matching/matcher.ts'
import {
  type Budget,
  compilePolicy,
  type Expression,
  type ExpressionCompiler,
  failureText,
  policyBudget,
  type Variables,
} from './expressions.ts'

interface Mutation {
  readonly type: 'ApplyConfiguration' | 'JSONPatch'
  readonly expression: Expression
}

export interface CompiledMutations extends ExpressionCompiler {
  readonly failsClosed: boolean
  readonly reinvoked: boolean
  readonly mutations: readonly Mutation[]
}

/** A patch that cannot be made or does not fit. */
export class MutationError extends Error {}

export const compileMutatingPolicy = ({ spec = {} }: MutatingAdmissionPolicy): CompiledMutations => {
  const compiler = compilePolicy(spec, { mutates: true })
  return {
    ...compiler,
    failsClosed: spec.failurePolicy !== 'Ignore',
    reinvoked: spec.reinvocationPolicy === 'IfNeeded',
    mutations: (spec.mutations ?? []).map(({ patchType, applyConfiguration, jsonPatch }) =>
      patchType === 'JSONPatch'
        ? { type: 'JSONPatch', expression: compiler.compile(jsonPatch?.expression ?? '') }
        : { type: 'ApplyConfiguration', expression: compiler.compile(applyConfiguration?.expression ?? '') },
    ),
  }
}

/** Paths of lists and maps that would be replaced whole, which a configuration may not do. */
const atomicParts = (schema: Schema, value: unknown, path: string): string[] =>
  membersOf(schema, value).flatMap(({ element, value: part, schema: inner, atomic }) => {
    const name =
      element.startsWith('k:') || element.startsWith('v:') ? `[${element.slice(2)}]` : `.${element.replace(/^f:/, '')}`
    const at = path + name
    if (atomic && (Array.isArray(part) || isJsonObject(part))) return [at]
    return atomicParts(inner, part, at)
  })

const configured = (seen: MatchedRequest, object: KubeObject, value: Value): KubeObject => {
  const { group, version, kind } = seen.kind
  const schema = schemaFor(group, version, kind)
  const configuration = toJson(value)
  if (schema === undefined || !isJsonObject(configuration))
    throw new MutationError(`error applying patch: no schema for ${version}, Kind=${kind}`)
  const { apiVersion, kind: kindName } = object
  const applied = { apiVersion, kind: kindName, ...configuration }
  const problems = checkTyped(schema, applied)
  const atomic = atomicParts(schema, applied, '')
  if (problems.length > 0)
    throw new MutationError(`error applying patch: invalid ApplyConfiguration: ${problems.join('\n')}`)
  if (atomic.length > 0) {
    throw new MutationError(
      `error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: ${atomic.join(', ')}`,
    )
  }
  return cloneJson(mergeApplied(schema, object, applied) as KubeObject)
}

const patched = (seen: MatchedRequest, object: KubeObject, value: Value): KubeObject =>
  decodePatched(seen, applyJsonPatch(cloneJson(object), toJson(value)))

const mutated = ({ type }: Mutation, seen: MatchedRequest, object: KubeObject, value: Value): KubeObject => {
  try {
    return type === 'JSONPatch' ? patched(seen, object, value) : configured(seen, object, value)
  } catch (error) {
    if (error instanceof MutationError) throw error
    if (error instanceof StatusError || error instanceof CelError || error instanceof Error)
      throw new MutationError(`error applying patch: ${error.message}`)
    throw error
  }
}

/** The object after all mutations; each sees what those before it have made. Throws MutationError. */
export const mutate = (
  policy: CompiledMutations,
  seen: MatchedRequest,
  request: (object: KubeObject) => Variables,
): KubeObject => {
  const budget: Budget = { left: policyBudget }
  let object = seen.object ?? ({} as KubeObject)
  for (const mutation of policy.mutations) {
    let value: Value
    try {
      value = mutation.expression.evaluate(policy.bind(request(object), budget), budget)
    } catch (error) {
      if (error instanceof CelError || error instanceof CelCostError)
        throw new MutationError(failureText(mutation.expression, error))
      throw error
    }
    object = mutated(mutation, seen, object, value)
  }
  return object
}
