/** Registry credentials of a Pod's imagePullSecrets. Upstream: pkg/credentialprovider. */
import type { BoundPod } from '../pod.ts'
import { registryOf } from '../runtime/images/image-reference.ts'
import type { RegistryAuth } from '../runtime/runtime-service.ts'
import { type ObjectSource, secretEntries } from './objects.ts'

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

/** `{ auths: { registry: { auth | username, password } } }`, or the older form without `auths`. */
export const parseDockerConfig = (text: string): Map<string, { username: string; password: string }> => {
  const document: unknown = JSON.parse(text)
  const auths = isRecord(document) && isRecord(document['auths']) ? document['auths'] : document
  const found = new Map<string, { username: string; password: string }>()
  if (!isRecord(auths)) return found
  for (const [registry, entry] of Object.entries(auths)) {
    if (!isRecord(entry)) continue
    const decoded = typeof entry['auth'] === 'string' ? Buffer.from(entry['auth'], 'base64').toString() : ''
    const colon = decoded.indexOf(':')
    const username = typeof entry['username'] === 'string' ? entry['username'] : decoded.slice(0, Math.max(0, colon))
    const password = typeof entry['password'] === 'string' ? entry['password'] : decoded.slice(colon + 1)
    const host = registry.replace(/^https?:\/\//, '').split('/')[0] ?? registry
    found.set(host === 'index.docker.io' ? 'docker.io' : host, { username, password })
  }
  return found
}

/** The first credentials that fit the image's registry; undefined for an anonymous pull. */
export const pullCredentials = async (
  objects: ObjectSource,
  pod: BoundPod,
  image: string,
): Promise<RegistryAuth | undefined> => {
  const registry = registryOf(image)
  for (const { name } of pod.spec.imagePullSecrets ?? []) {
    if (name === undefined || name === '') continue
    const secret = await objects.secret(pod.metadata.namespace, name).catch(() => undefined)
    if (secret === undefined) continue
    const entries = secretEntries(secret)
    const text = (entries.get('.dockerconfigjson') ?? entries.get('.dockercfg'))?.toString()
    const match = text === undefined ? undefined : parseDockerConfig(text).get(registry)
    if (match !== undefined) return { ...match, serverAddress: registry }
  }
  return undefined
}
