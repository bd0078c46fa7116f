/** What stands beside the expression of a rule. Upstream: ValidateCustomResourceDefinitionOpenAPISchema */
import { child, type FieldError, invalid, notSupported, required } from '../../meta/field-error.ts'
import { partOf, type Structural } from './structural.ts'

export interface Rule {
  readonly rule?: string
  readonly message?: string
  readonly messageExpression?: string
  readonly reason?: string
  readonly fieldPath?: string
  readonly optionalOldSelf?: boolean
}

const reasons = ['FieldValueDuplicate', 'FieldValueForbidden', 'FieldValueInvalid', 'FieldValueRequired']

const hasLineBreak = (text: string): boolean => /[\n\r]/.test(text)
const isBlank = (text: string): boolean => text !== '' && text.trim() === ''

/** `.spec.a['b']`: names of fields, or undefined for what is no such path. */
const fieldNames = (path: string): readonly string[] | undefined => {
  const step = /\.([a-zA-Z_$][\w$]*)|\['((?:[^'\\]|\\.)*)'\]/y
  const names: string[] = []
  while (step.lastIndex < path.length) {
    const found = step.exec(path)
    if (found === null) return undefined
    names.push(found[1] ?? (found[2] ?? '').replace(/\\(.)/g, '$1'))
  }
  return names
}

/** Whether a path leads to a field that the schema has. */
const leadsToField = (schema: Structural, path: string): boolean => {
  let at: Structural | undefined = schema
  for (const name of fieldNames(path) ?? ['\0']) {
    if (at === undefined) return false
    at = partOf(at, name)
  }
  return at !== undefined
}

const messageErrors = ({ rule = '', message = '' }: Rule, at: string): FieldError[] => {
  const where = child(at, 'message')
  if (isBlank(message)) return [invalid(where, message, 'message must be non-empty if specified')]
  if (hasLineBreak(message.trim())) return [invalid(where, message, 'message must not contain line breaks')]
  if (hasLineBreak(rule.trim()) && message === '')
    return [required(where, 'message must be specified if rule contains line breaks')]
  return []
}

/** Everything but whether the expressions compile. */
export const validateRuleFields = (rule: Rule, schema: Structural, at: string): FieldError[] => {
  const { messageExpression = '', reason, fieldPath = '' } = rule
  const errors =
    (rule.rule ?? '').trim() === '' ? [required(child(at, 'rule'), 'rule is not specified')] : messageErrors(rule, at)
  if (isBlank(messageExpression))
    errors.push(required(child(at, 'messageExpression'), 'messageExpression must be non-empty if specified'))
  if (reason !== undefined && !reasons.includes(reason)) errors.push(notSupported(child(at, 'reason'), reason, reasons))
  const where = child(at, 'fieldPath')
  if (isBlank(fieldPath)) errors.push(invalid(where, fieldPath, 'fieldPath must be non-empty if specified'))
  if (hasLineBreak(fieldPath)) errors.push(invalid(where, fieldPath, 'fieldPath must not contain line breaks'))
  if (fieldPath !== '' && !leadsToField(schema, fieldPath))
    errors.push(invalid(where, fieldPath, 'fieldPath must be a valid path'))
  return errors
}
