/** MutatingAdmissionWebhook: one after the other, each sees what those before it have made. Upstream: plugin/webhook/mutating */
import { StatusError } from '../../../api/meta/status-error.ts'
import { applyJsonPatch } from '../../../api/patch/json-patch.ts'
import type { Resources } from '../../registry/resources.ts'
import { cloneJson, equalJson } from '../../storage/json.ts'
import type { AdmissionAttributes, AdmissionPlugin } from '../admission.ts'
import type { MatchedRequest } from '../matching/matcher.ts'
import { decodePatched, replaceObject } from '../matching/patched-object.ts'
import { askHook, type HookDependencies, matchHook } from './call-hook.ts'
import { type Hook, isExempt } from './hooks.ts'

const pluginName = 'MutatingAdmissionWebhook'

export interface MutatingDependencies extends HookDependencies {
  readonly resources: Resources
}

/** Changes the request's object as the webhook wants. Throws an InternalError for a patch that does not fit. */
const applyPatch = async (
  { resources }: MutatingDependencies,
  attributes: AdmissionAttributes,
  seen: MatchedRequest,
  patch: unknown,
): Promise<boolean> => {
  if (patch === undefined || seen.object === undefined) return false
  try {
    const object = decodePatched(seen, applyJsonPatch(cloneJson(seen.object), patch))
    if (equalJson(object, seen.object)) return false
    await replaceObject(resources, attributes, seen, object)
    return true
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    throw new StatusError('InternalError', `Internal error occurred: ${message}`, {
      details: { causes: [{ message }] },
      cause: error,
    })
  }
}

const ask = async (
  deps: MutatingDependencies,
  hook: Hook,
  index: number,
  attributes: AdmissionAttributes,
): Promise<void> => {
  const seen = await matchHook(deps, hook, attributes)
  if (seen === undefined) return
  const verdict = await askHook(deps, hook, attributes, seen)
  const round = `round_${attributes.reinvocation?.secondTurn === true ? 1 : 0}_index_${index}`
  if (verdict === undefined)
    return attributes.annotate(`failed-open.mutating.webhook.admission.k8s.io/${round}`, hook.name)
  const mutated = await applyPatch(deps, attributes, seen, verdict.patch)
  const note = { configuration: hook.configuration, webhook: hook.name, mutated }
  attributes.annotate(`mutation.webhook.admission.k8s.io/${round}`, JSON.stringify(note))
  attributes.reinvocation?.asked(pluginName, hook.id, { changed: mutated, again: hook.asksAgain })
}

export const mutatingWebhook = (
  deps: MutatingDependencies,
  hooks: () => Promise<readonly Hook[]>,
): AdmissionPlugin => ({
  name: pluginName,
  operations: ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'],
  admit: async (attributes) => {
    if (isExempt(attributes)) return
    const all = await hooks()
    if (all.length === 0) return
    const { reinvocation, object } = attributes
    if (object !== undefined) reinvocation?.begin(pluginName, object)
    for (const [index, hook] of all.entries()) {
      if (reinvocation?.isDue(pluginName, hook.id) !== false) await ask(deps, hook, index, attributes)
    }
    if (object !== undefined) reinvocation?.end(pluginName, object)
  },
})
