/** ValidatingAdmissionWebhook: all that match are asked at once. Upstream: plugin/webhook/validating */
import type { AdmissionAttributes, AdmissionPlugin } from '../admission.ts'
import { askHook, type HookDependencies, matchHook } from './call-hook.ts'
import { type Hook, isExempt } from './hooks.ts'

const ask = async (
  deps: HookDependencies,
  hook: Hook,
  index: number,
  attributes: AdmissionAttributes,
): Promise<void> => {
  const seen = await matchHook(deps, hook, attributes)
  if (seen === undefined) return
  const verdict = await askHook(deps, hook, attributes, seen)
  if (verdict === undefined)
    attributes.annotate(`failed-open.validating.webhook.admission.k8s.io/round_0_index_${index}`, hook.name)
}

export const validatingWebhook = (deps: HookDependencies, hooks: () => Promise<readonly Hook[]>): AdmissionPlugin => ({
  name: 'ValidatingAdmissionWebhook',
  operations: ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'],
  validate: async (attributes) => {
    if (isExempt(attributes)) return
    const all = await hooks()
    if (all.length === 0) return
    const results = await Promise.allSettled(all.map((hook, index) => ask(deps, hook, index, attributes)))
    const refused = results.find((result) => result.status === 'rejected')
    if (refused !== undefined) throw refused.reason as Error
  },
})
