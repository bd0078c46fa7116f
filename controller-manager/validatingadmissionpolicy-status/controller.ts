/**
 * Tells in the status of a ValidatingAdmissionPolicy what its expressions have wrong for the kinds that it is about.
 * Upstream: pkg/controller/validatingadmissionpolicystatus
 */
import { StatusError } from '../../api/meta/status-error.ts'
import { groupVersionPath, type ResourceRef, validatingAdmissionPolicies } from '../../api/resources.ts'
import type { ValidatingAdmissionPolicy } from '../../api/types.ts'
import type { RestClient } from '../../client/rest/rest-client.ts'
import type { Controller } from '../context.ts'
import { type DiscoveredResource, type GroupVersion, parseGroupVersion, parseResourceList } from '../discovery.ts'
import { enqueueSelf, onAnyChange, queueOf, workersOf } from '../wiring.ts'

const name = 'validatingadmissionpolicy-status-controller'

/** A document, or undefined where there is none. */
const read = async (client: RestClient, path: string): Promise<unknown> => {
  try {
    return await client.raw('GET', path)
  } catch (error) {
    if (error instanceof StatusError && error.code === 404) return undefined
    throw error
  }
}

/** What is served and how it is made, read for one policy: each document once. */
const documentsOf = (client: RestClient) => {
  const known = new Map<string, Promise<unknown>>()
  const once = (path: string): Promise<unknown> => {
    const document = known.get(path) ?? read(client, path)
    known.set(path, document)
    return document
  }
  return {
    resources: async (gv: GroupVersion): Promise<DiscoveredResource[]> =>
      parseResourceList(gv.group, gv.version, await once(groupVersionPath(gv))),
    openApi: (gv: GroupVersion): Promise<unknown> => once(`/openapi/v3${groupVersionPath(gv)}`),
  }
}

const check = async ({ spec = {} }: ValidatingAdmissionPolicy, client: RestClient) => {
  // Loaded when the first policy comes: most clusters have none, and expressions are a language.
  const [{ kindsToCheck, typeCheck }, { typesOfKind }] = await Promise.all([
    import('../../api/admissionregistration/type-check.ts'),
    import('../../api/admissionregistration/openapi-types.ts'),
  ])
  const documents = documentsOf(client)
  const gvks = await kindsToCheck(spec, async ({ group, version, resource }) => {
    const found = (await documents.resources({ group, version })).find((each) => each.resource === resource)
    return found === undefined ? undefined : { group: found.group, version: found.version, kind: found.kind }
  })
  const kinds = await Promise.all(
    gvks.map(async (gvk) => {
      const types = typesOfKind(await documents.openApi(gvk), gvk, 'object')
      return types === undefined ? [] : [{ gvk, types }]
    }),
  )
  const { paramKind } = spec
  const paramGvk =
    paramKind === undefined
      ? undefined
      : { ...parseGroupVersion(paramKind.apiVersion ?? ''), kind: paramKind.kind ?? '' }
  const params = paramGvk === undefined ? undefined : typesOfKind(await documents.openApi(paramGvk), paramGvk, 'params')
  return typeCheck(spec, kinds.flat(), params)
}

const ref: ResourceRef<ValidatingAdmissionPolicy> = validatingAdmissionPolicies

export const validatingAdmissionPolicyStatusController: Controller = {
  name,
  serviceAccount: name,
  setup: (context) => {
    const { client, informers, config } = context
    const concurrency = config['concurrent-validating-admission-policy-status-syncs']
    const queue = queueOf(context)
    const policies = informers.for(ref)
    onAnyChange(policies, enqueueSelf(queue))
    const reconcile = async (key: string): Promise<undefined> => {
      const policy = policies.lister.get(key)
      if (policy === undefined) return undefined
      const { name: policyName = '', generation = 0 } = policy.metadata ?? {}
      if (generation <= (policy.status?.observedGeneration ?? 0)) return undefined
      const expressionWarnings = await check(policy, client)
      const body = {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingAdmissionPolicy',
        metadata: { name: policyName },
        status: {
          observedGeneration: generation,
          typeChecking: expressionWarnings.length === 0 ? {} : { expressionWarnings },
        },
      }
      const options = { type: 'apply', subresource: 'status', fieldManager: name, force: true } as const
      await client.patch(ref, policyName, undefined, body, options)
      return undefined
    }
    return workersOf(context, { name, queue, concurrency, reconcile })
  },
}
