/** Mutations that users write. Upstream: apiserver/pkg/admission/plugin/policy/mutating/dispatcher.go */
import { fromJson } from '../../../api/cel/json-values.ts'
import { equalJson } from '../../storage/json.ts'
import type { KubeObject, MutatingAdmissionPolicy } from '../../../api/types.ts'
import type { AdmissionAttributes, AdmissionPlugin } from '../admission.ts'
import { admissionForbidden } from '../forbidden.ts'
import { createMatcher, type MatchedRequest } from '../matching/matcher.ts'
import { replaceObject } from '../matching/patched-object.ts'
import { type Answers, createAnswers } from './authorizer-answers.ts'
import { evaluateConditions, type Variables } from './expressions.ts'
import { compileMutatingPolicy, type CompiledMutations, mutate, MutationError } from './mutations.ts'
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
import type { PolicyDependencies } from './validating-admission-policy.ts'

type Bound = BoundPolicy<MutatingAdmissionPolicy, CompiledMutations>

const pluginName = 'MutatingAdmissionPolicy'
const hookOf = ({ policy }: Bound, binding: BindingObject): string =>
  `${policy.metadata?.name}/${binding.metadata?.name}`

/** An invocation that failed, where the policy's failure policy wants to know of it. */
class InvocationError extends Error {}

export const mutatingAdmissionPolicy = ({ resources, authorizer }: PolicyDependencies): AdmissionPlugin => {
  const group = 'admissionregistration.k8s.io'
  const policies = policySource<MutatingAdmissionPolicy, CompiledMutations>(
    resources.get({ group, version: 'v1', resource: 'mutatingadmissionpolicies' }),
    resources.get({ group, version: 'v1', resource: 'mutatingadmissionpolicybindings' }),
    compileMutatingPolicy,
  )
  const matcher = createMatcher(resources)

  /** Mutates the request's object once, for one parameter. */
  const invoke = async (
    { compiled }: Bound,
    attributes: AdmissionAttributes,
    seen: MatchedRequest,
    param: KubeObject | undefined,
    answers: Answers,
  ): Promise<boolean> => {
    const base = requestVariables(attributes, seen, await matcher.namespaceOf(attributes), answers)
    const variables =
      (object: KubeObject | undefined): Variables =>
      (name) => {
        if (name === 'object') return fromJson(object)
        return name === 'params' ? fromJson(param) : base.get(name)
      }
    const object = await answers.settle(() => {
      const matched = evaluateConditions(compiled.conditions, variables(seen.object))
      if (matched.type === 'error') throw new InvocationError(matched.message)
      return matched.type === 'no-match' ? undefined : mutate(compiled, seen, variables)
    })
    const changed = object !== undefined && !equalJson(object, seen.object)
    if (changed) await replaceObject(resources, attributes, seen, object)
    return changed
  }

  const apply = async (policy: Bound, binding: BindingObject, attributes: AdmissionAttributes): Promise<void> => {
    const { paramKind } = policy.policy.spec ?? {}
    const params = await collectParams(resources, paramKind, binding.spec?.paramRef, attributes.namespace)
    const answers = createAnswers(authorizer, attributes.user)
    for (const param of params) {
      // The object may have changed since the policy was matched.
      const seen = await matchPolicy(matcher, attributes, policy.policy)
      const changed = seen !== undefined && (await invoke(policy, attributes, seen, param, answers))
      attributes.reinvocation?.asked(pluginName, hookOf(policy, binding), { changed, again: policy.compiled.reinvoked })
    }
  }

  const run = async (policy: Bound, attributes: AdmissionAttributes): Promise<void> => {
    if ((await matchPolicy(matcher, attributes, policy.policy)) === undefined) return
    for (const binding of policy.bindings) {
      if (attributes.reinvocation?.isDue(pluginName, hookOf(policy, binding)) === false) continue
      if (!(await bindingMatches(matcher, attributes, binding))) continue
      try {
        await apply(policy, binding, attributes)
      } catch (error) {
        const expected =
          error instanceof ConfigurationError || error instanceof MutationError || error instanceof InvocationError
        if (!expected) throw error
        if (!policy.compiled.failsClosed) continue
        const what =
          error instanceof ConfigurationError ? `failed to configure binding: ${error.message}` : error.message
        const [policyName, bindingName] = [policy.policy.metadata?.name, binding.metadata?.name]
        throw admissionForbidden(
          attributes,
          `policy '${policyName}' with binding '${bindingName}' denied request: ${what}`,
        )
      }
    }
  }

  return {
    name: pluginName,
    operations: ['CREATE', 'UPDATE'],
    admit: async (attributes) => {
      if (isOutOfReach(attributes) || attributes.object === undefined) return
      const bound = await policies()
      if (bound.length === 0) return
      attributes.reinvocation?.begin(pluginName, attributes.object)
      for (const policy of bound) await run(policy, attributes)
      attributes.reinvocation?.end(pluginName, attributes.object)
    },
  }
}
