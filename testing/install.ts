/** Definitions and webhook configurations, made in a test environment and waited for. */
import { isReason, StatusError } from '../api/meta/status-error.ts'
import {
  customResourceDefinitions,
  mutatingWebhookConfigurations,
  type ResourceRef,
  validatingWebhookConfigurations,
} from '../api/resources.ts'
import type { CustomResourceDefinition, KubeObject } from '../api/types.ts'
import type { RestClient } from '../client/rest/rest-client.ts'

const refs: Readonly<Record<string, ResourceRef>> = {
  CustomResourceDefinition: customResourceDefinitions,
  MutatingWebhookConfiguration: mutatingWebhookConfigurations,
  ValidatingWebhookConfiguration: validatingWebhookConfigurations,
}

/** Creates an object, or puts this one in the place of what is there. */
const put = async (client: RestClient, object: KubeObject): Promise<void> => {
  const ref = refs[object.kind ?? '']
  if (ref === undefined) throw new Error(`${object.kind}: not a kind that is installed`)
  const name = object.metadata?.name ?? ''
  try {
    await client.create(ref, object)
  } catch (error) {
    if (!isReason(error, 'AlreadyExists')) throw new Error(`${object.kind} ${name}: ${(error as Error).message}`)
    const { metadata } = await client.get(ref, name)
    const resourceVersion = metadata?.resourceVersion
    await client.update(ref, {
      ...object,
      metadata: { ...object.metadata, ...(resourceVersion === undefined ? {} : { resourceVersion }) },
    })
  }
}

/** Installs all of them at once. */
export const installObjects = async (client: RestClient, objects: readonly KubeObject[]): Promise<void> => {
  await Promise.all(objects.map((object) => put(client, object)))
}

const pollMs = 20

/** What discovery must list: resources by group version. */
const expected = (definitions: readonly CustomResourceDefinition[]): Map<string, Set<string>> => {
  const wanted = new Map<string, Set<string>>()
  for (const { spec } of definitions) {
    for (const { name, served } of spec.versions) {
      if (!served) continue
      const path = `/apis/${spec.group}/${name}`
      wanted.set(path, (wanted.get(path) ?? new Set()).add(spec.names.plural))
    }
  }
  return wanted
}

interface ApiResourceList {
  readonly resources?: readonly { readonly name: string }[]
}

/** Waits until discovery lists every served version: from then on clients find the resources. */
export const waitForDefinitions = async (
  client: RestClient,
  definitions: readonly CustomResourceDefinition[],
  timeoutMs: number,
): Promise<void> => {
  const wanted = expected(definitions)
  const deadline = performance.now() + timeoutMs
  while (wanted.size > 0) {
    for (const [path, plurals] of wanted) {
      const list = (await client.raw('GET', path).catch((error: unknown) => {
        if (error instanceof StatusError && error.code === 404) return {} // the group is not known yet
        throw error
      })) as ApiResourceList
      for (const { name } of list.resources ?? []) plurals.delete(name)
      if (plurals.size === 0) wanted.delete(path)
    }
    if (wanted.size === 0) return
    if (performance.now() > deadline) {
      const missing = [...wanted].map(([path, plurals]) => `${path} (${[...plurals].join(', ')})`)
      throw new Error(`not served after ${timeoutMs} ms: ${missing.join(', ')}`)
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}
