/** Bindings of admission policies. Upstream: validateValidatingAdmissionPolicyBindingSpec. */
import { absent, requiredOneOf, validateLabelSelector } from '../meta/checks.ts'
import {
  child,
  duplicate,
  type FieldError,
  forbiddenField,
  invalid,
  notSupported,
  required,
} from '../meta/field-error.ts'
import { isDns1123Subdomain, isValidPathSegmentName } from '../meta/names.ts'
import type { MutatingAdmissionPolicyBinding, ValidatingAdmissionPolicyBinding } from '../types.ts'
import { validateMatchResources } from './match-resources.ts'

type BindingSpec = Partial<
  Pick<NonNullable<ValidatingAdmissionPolicyBinding['spec']>, 'policyName' | 'paramRef' | 'matchResources'>
>
type ParamRef = NonNullable<BindingSpec['paramRef']>

const actionNames = ['Audit', 'Deny', 'Warn']
/** Upstream's spelling of the path. */
const matchResourcesPath = 'spec.matchResouces'

const validateParamRef = (ref: ParamRef | undefined, path: string): FieldError[] => {
  if (ref === undefined) return []
  const { name = '', selector, parameterNotFoundAction } = ref
  const exclusive = 'name and selector are mutually exclusive'
  const errors = isValidPathSegmentName(name).map((message) => invalid(child(path, 'name'), name, message))
  if (name !== '' && selector !== undefined) errors.push(forbiddenField(child(path, 'name'), exclusive))
  errors.push(...validateLabelSelector(selector, child(path, 'selector')))
  if (name !== '' && selector !== undefined) errors.push(forbiddenField(child(path, 'selector'), exclusive))
  if (name === '' && selector === undefined) errors.push(required(path, 'one of name or selector must be specified'))
  return [
    ...errors,
    ...requiredOneOf(child(path, 'parameterNotFoundAction'), parameterNotFoundAction, ['Deny', 'Allow']),
  ]
}

const validateBinding = (spec: BindingSpec | undefined): FieldError[] => {
  const { policyName = '', paramRef, matchResources } = spec ?? {}
  const errors = absent(policyName)
    ? [required('spec.policyName')]
    : isDns1123Subdomain(policyName).map((message) => invalid('spec.policyName', policyName, message))
  return [
    ...errors,
    ...validateParamRef(paramRef, 'spec.paramRef'),
    ...validateMatchResources(matchResources, matchResourcesPath, false),
  ]
}

const validateActions = (actions: readonly string[], path: string): FieldError[] => {
  const errors: FieldError[] = []
  const seen = new Set<string>()
  for (const [index, action] of actions.entries()) {
    if (!actionNames.includes(action)) errors.push(notSupported(child(path, index), action, actionNames))
    if (seen.has(action)) errors.push(duplicate(child(path, index), action))
    seen.add(action)
  }
  if (seen.has('Deny') && seen.has('Warn')) {
    const why = 'repeating the same validation failure information in the API response and headers serves no purpose'
    errors.push(invalid(path, actions, `must not contain both Deny and Warn (${why})`))
  }
  if (seen.size === 0) errors.push(required(path, 'at least one validation action is required'))
  return errors
}

export const validateMutatingAdmissionPolicyBinding = ({ spec }: MutatingAdmissionPolicyBinding): FieldError[] =>
  validateBinding(spec)

export const validateValidatingAdmissionPolicyBinding = ({ spec }: ValidatingAdmissionPolicyBinding): FieldError[] => [
  ...validateBinding(spec),
  ...validateActions(spec?.validationActions ?? [], 'spec.validationActions'),
]
