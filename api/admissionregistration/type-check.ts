/**
 * What the expressions of a ValidatingAdmissionPolicy have wrong for the kinds that it is about: warnings, since a
 * policy may match more than its author thinks of. Upstream: policy/validating/typechecking.go
 */
import { admissionEnvironment } from '../cel/admission-environment.ts'
import type { SchemaTypes } from '../cel/environment.ts'
import { checkSource } from '../cel/program.ts'
import { CelSourceError } from '../cel/source-error.ts'
import { dyn, type Type } from '../cel/types.ts'
import { child } from '../meta/field-error.ts'
import type { ValidatingAdmissionPolicy } from '../types.ts'
import type { Gvk } from './openapi-types.ts'

type Spec = NonNullable<ValidatingAdmissionPolicy['spec']>

export interface Gvr {
  readonly group: string
  readonly version: string
  readonly resource: string
}

/** Kinds that are checked at most for a rule of a policy. */
const maxTypes = 10

const sorted = (names: readonly string[] | undefined): string[] => (names ?? []).toSorted()
const isPlain = (name: string): boolean => !name.includes('*')

/**
 * The resources whose kinds are checked: of each rule all that it names, in order; rules with a wildcard for groups or
 * versions are about too much, and subresources have kinds of their own.
 */
export const resourcesToCheck = ({ matchConstraints }: Spec): readonly (readonly Gvr[])[] =>
  (matchConstraints?.resourceRules ?? []).map(({ apiGroups, apiVersions, resources }) => {
    if (![...(apiGroups ?? []), ...(apiVersions ?? [])].every(isPlain)) return []
    const names = sorted(resources).filter((name) => isPlain(name) && !name.includes('/'))
    return sorted(apiGroups).flatMap((group) =>
      sorted(apiVersions).flatMap((version) => names.map((resource) => ({ group, version, resource }))),
    )
  })

const gvkText = ({ group, version, kind }: Gvk): string => `${group}/${version}, Kind=${kind}`
const compareGvks = (a: Gvk, b: Gvk): number => {
  for (const part of ['group', 'version', 'kind'] as const) if (a[part] !== b[part]) return a[part] < b[part] ? -1 : 1
  return 0
}

/** The kinds of those resources, once each, in order; `kindOf` knows what is served. */
export const kindsToCheck = async (spec: Spec, kindOf: (gvr: Gvr) => Promise<Gvk | undefined>): Promise<Gvk[]> => {
  const kinds = new Map<string, Gvk>()
  for (const rule of resourcesToCheck(spec)) {
    let count = 0
    for (const gvr of rule) {
      const gvk = await kindOf(gvr)
      if (gvk === undefined) continue
      kinds.set(gvkText(gvk), gvk)
      if (++count === maxTypes) return [...kinds.values()].toSorted(compareGvks)
    }
  }
  return [...kinds.values()].toSorted(compareGvks)
}

export interface KindTypes {
  readonly gvk: Gvk
  readonly types: SchemaTypes
}

export interface ExpressionWarning {
  readonly fieldRef: string
  readonly warning: string
}

/** What is wrong with an expression; undefined: nothing. */
const issueOf = (expression: string, environment: Parameters<typeof checkSource>[1]): string | undefined => {
  try {
    checkSource(expression, environment)
    return undefined
  } catch (error) {
    if (error instanceof CelSourceError) return error.message
    throw error
  }
}

const environmentFor = ({ variables = [] }: Spec, object: SchemaTypes, params: SchemaTypes | undefined) => {
  const known = new Map<string, Type>()
  const environment = admissionEnvironment({
    hasParams: params !== undefined,
    hasAuthorizer: true,
    variables: known,
    object,
    ...(params === undefined ? {} : { params }),
  })
  for (const { name, expression } of variables) {
    let type: Type = dyn
    try {
      const { root, checked } = checkSource(expression, environment)
      type = checked.typeOf(root)
    } catch (error) {
      if (!(error instanceof CelSourceError)) throw error
    }
    known.set(name, type)
  }
  return environment
}

/** Checks validations and their messages against each kind. */
export const typeCheck = (
  spec: Spec,
  kinds: readonly KindTypes[],
  params: SchemaTypes | undefined,
): ExpressionWarning[] => {
  const environments = kinds.map(({ gvk, types }) => ({ gvk, environment: environmentFor(spec, types, params) }))
  const check = (fieldRef: string, expression: string): ExpressionWarning[] => {
    const messages = environments.flatMap(({ gvk, environment }) => {
      const issue = issueOf(expression, environment)
      return issue === undefined ? [] : [`${gvkText(gvk)}: ${issue}\n`]
    })
    return messages.length === 0 ? [] : [{ fieldRef, warning: messages.join('\n') }]
  }
  return (spec.validations ?? []).flatMap(({ expression, messageExpression = '' }, index) => {
    const at = child('spec.validations', index)
    return [
      ...check(child(at, 'expression'), expression),
      ...(messageExpression === '' ? [] : check(child(at, 'messageExpression'), messageExpression)),
    ]
  })
}
