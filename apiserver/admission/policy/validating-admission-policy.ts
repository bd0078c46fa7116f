/** Validations that users write. Upstream: apiserver/pkg/admission/plugin/policy/validating/dispatcher.go */
import { fromJson } from '../../../api/cel/json-values.ts'
import { reasonToCode, StatusError } from '../../../api/meta/status-error.ts'
import type { KubeObject, ValidatingAdmissionPolicy } from '../../../api/types.ts'
import type { Authorizer } from '../../authorization/authorizer.ts'
import type { Resources } from '../../registry/resources.ts'
import type { AdmissionAttributes, AdmissionPlugin } from '../admission.ts'
import { admissionForbidden } from '../forbidden.ts'
import { createMatcher } from '../matching/matcher.ts'
import { createAnswers } from './authorizer-answers.ts'
import type { Variables } from './expressions.ts'
import { collectParams, ConfigurationError } from './params.ts'
import {
  bindingMatches,
  type BindingObject,
  type BoundPolicy,
  isOutOfReach,
  matchPolicy,
  policySource,
} from './policies.ts'
import { requestVariables } from './request-variables.ts'
import { type CompiledPolicy, compileValidatingPolicy, type Denial, judge, type Verdict } from './validations.ts'

const auditKey = 'validation.policy.admission.k8s.io/validation_failure'
type Bound = BoundPolicy<ValidatingAdmissionPolicy, CompiledPolicy>

export interface PolicyDependencies {
  readonly resources: Resources
  readonly authorizer: Authorizer
}

const nameOf = ({ metadata }: KubeObject): string => metadata?.name ?? ''

/** The answer of a request that is refused. Upstream: the reason and code of the first denial, its message as a cause. */
const refusal = (attributes: AdmissionAttributes, { message, reason }: Denial, origin: string): StatusError => {
  const text = `${origin} denied request: ${message}`
  const { message: full, details } = admissionForbidden(attributes, text)
  return new StatusError(reason, full, {
    code: reasonToCode[reason],
    details: { ...details, causes: [{ message: text }] },
  })
}

/** Failed validations of one request, by what bindings want done about them. */
interface Findings {
  readonly denied: { readonly denial: Denial; readonly origin: string }[]
  readonly audited: object[]
  readonly annotations: Map<string, string[]>
}

const note = (
  findings: Findings,
  attributes: AdmissionAttributes,
  policy: Bound,
  binding: BindingObject,
  verdict: Verdict,
) => {
  const [policyName, bindingName] = [nameOf(policy.policy), nameOf(binding)]
  const origin = `ValidatingAdmissionPolicy '${policyName}' with binding '${bindingName}'`
  const actions = binding.spec?.validationActions ?? []
  for (const denial of verdict.denials) {
    const { message, expressionIndex } = denial
    if (actions.includes('Deny')) findings.denied.push({ denial, origin })
    if (actions.includes('Warn')) attributes.warn(`Validation failed for ${origin}: ${message}`)
    if (actions.includes('Audit')) {
      findings.audited.push({
        message,
        policy: policyName,
        binding: bindingName,
        expressionIndex,
        validationActions: actions,
      })
    }
  }
  for (const [key, value] of verdict.annotations) {
    const name = `${policyName}/${key}`
    const values = findings.annotations.get(name) ?? []
    if (!values.includes(value)) findings.annotations.set(name, [...values, value])
  }
}

export const validatingAdmissionPolicy = ({ resources, authorizer }: PolicyDependencies): AdmissionPlugin => {
  const group = 'admissionregistration.k8s.io'
  const policies = policySource<ValidatingAdmissionPolicy, CompiledPolicy>(
    resources.get({ group, version: 'v1', resource: 'validatingadmissionpolicies' }),
    resources.get({ group, version: 'v1', resource: 'validatingadmissionpolicybindings' }),
    compileValidatingPolicy,
  )
  const matcher = createMatcher(resources)

  const judgeBy = async (policy: Bound, attributes: AdmissionAttributes, findings: Findings): Promise<void> => {
    const seen = await matchPolicy(matcher, attributes, policy.policy)
    if (seen === undefined) return
    const answers = createAnswers(authorizer, attributes.user)
    const base = requestVariables(attributes, seen, await matcher.namespaceOf(attributes), answers)
    for (const binding of policy.bindings) {
      if (!(await bindingMatches(matcher, attributes, binding))) continue
      try {
        const { paramKind } = policy.policy.spec ?? {}
        const params = await collectParams(resources, paramKind, binding.spec?.paramRef, attributes.namespace)
        for (const param of params) {
          const variables: Variables = (name) => (name === 'params' ? fromJson(param) : base.get(name))
          note(findings, attributes, policy, binding, await answers.settle(() => judge(policy.compiled, variables)))
        }
      } catch (error) {
        if (!(error instanceof ConfigurationError)) throw error
        if (!policy.compiled.failsClosed) continue
        const origin = `ValidatingAdmissionPolicy '${nameOf(policy.policy)}' with binding '${nameOf(binding)}'`
        const message = `failed to configure binding: ${error.message}`
        findings.denied.push({ denial: { message, reason: 'Invalid', expressionIndex: 0, isError: true }, origin })
      }
    }
  }

  return {
    name: 'ValidatingAdmissionPolicy',
    operations: ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'],
    validate: async (attributes) => {
      if (isOutOfReach(attributes)) return
      const bound = await policies()
      if (bound.length === 0) return
      const findings: Findings = { denied: [], audited: [], annotations: new Map() }
      for (const policy of bound) await judgeBy(policy, attributes, findings)
      if (findings.audited.length > 0) attributes.annotate(auditKey, JSON.stringify(findings.audited))
      for (const [key, values] of findings.annotations) attributes.annotate(key, values.join(', '))
      const [first] = findings.denied
      if (first !== undefined) throw refusal(attributes, first.denial, first.origin)
    },
  }
}
