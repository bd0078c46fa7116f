/** What the API server serves, from its discovery documents: built-in kinds, custom resources, aggregated APIs. */
import { StatusError } from '../api/meta/status-error.ts'
import { groupVersionPath } from '../api/resources.ts'
import type { RestClient } from '../client/rest/rest-client.ts'

export interface DiscoveredResource {
  readonly group: string
  readonly version: string
  /** Plural name in paths. */
  readonly resource: string
  readonly kind: string
  readonly namespaced: boolean
  readonly verbs: readonly string[]
}

export interface Discovery {
  /** Each resource once, in its group's preferred version. */
  readonly preferred: readonly DiscoveredResource[]
  /** Every resource in every version. */
  readonly all: readonly DiscoveredResource[]
  /** Group versions whose resources could not be listed: nothing may be concluded from their absence. */
  readonly failed: readonly { readonly groupVersion: string; readonly error: string }[]
}

const field = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
const text = (value: unknown): string => (typeof value === 'string' ? value : '')
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])

/** The resources of an APIResourceList; subresources are left out. */
export const parseResourceList = (group: string, version: string, document: unknown): DiscoveredResource[] =>
  list(field(document, 'resources')).flatMap((item) => {
    const resource = text(field(item, 'name'))
    if (resource === '' || resource.includes('/')) return []
    return [
      {
        group: text(field(item, 'group')) || group,
        version: text(field(item, 'version')) || version,
        resource,
        kind: text(field(item, 'kind')),
        namespaced: field(item, 'namespaced') === true,
        verbs: list(field(item, 'verbs')).map(text),
      },
    ]
  })

/** A server that is away is what client-go calls stale. */
const messageOf = (groupVersion: string, error: unknown): string => {
  if (error instanceof StatusError && error.code === 503) return `stale GroupVersion discovery: ${groupVersion}`
  return error instanceof Error ? error.message : String(error)
}

export interface GroupVersion {
  readonly group: string
  readonly version: string
}

/** `apps/v1`, `v1`. */
export const parseGroupVersion = (apiVersion: string): GroupVersion => {
  const [version = '', group = ''] = apiVersion.split('/').reverse()
  return { group, version }
}

/** Reads all discovery documents; a group that fails is reported and does not hide the others. */
export const discover = async (client: RestClient): Promise<Discovery> => {
  const groups = list(field(await client.raw('GET', '/apis'), 'groups')).map((group) => ({
    name: text(field(group, 'name')),
    preferred: text(field(field(group, 'preferredVersion'), 'version')),
    versions: list(field(group, 'versions')).map((version) => text(field(version, 'version'))),
  }))
  groups.unshift({ name: '', preferred: 'v1', versions: ['v1'] })
  const failed: { groupVersion: string; error: string }[] = []
  const perGroup = await Promise.all(
    groups.map(async ({ name, preferred, versions }) => {
      const lists = await Promise.all(
        versions.map(async (version) => {
          const path = groupVersionPath({ group: name, version })
          try {
            return parseResourceList(name, version, await client.raw('GET', path))
          } catch (error) {
            const groupVersion = name === '' ? version : `${name}/${version}`
            failed.push({ groupVersion, error: messageOf(groupVersion, error) })
            return []
          }
        }),
      )
      return { preferred, resources: lists.flat() }
    }),
  )
  const preferred = perGroup.flatMap(({ preferred: version, resources }) => {
    const byName = new Map<string, DiscoveredResource>()
    for (const resource of resources) {
      const known = byName.get(resource.resource)
      if (known === undefined || resource.version === version) byName.set(resource.resource, resource)
    }
    return [...byName.values()]
  })
  return { preferred, all: perGroup.flatMap(({ resources }) => resources), failed }
}
