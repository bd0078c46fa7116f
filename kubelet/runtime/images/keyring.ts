/** Which credentials are for which image. Pure. Upstream: pkg/credentialprovider (DockerConfig, URLsMatch). */
import { createHash } from 'node:crypto'
import type { RegistryAuth } from '../runtime-service.ts'
import { registryOf } from './image-reference.ts'

/** Credentials as a configuration has them: for a registry, or a part of one. */
export interface KeyringEntry {
  /** `host[:port][/path]`; a part of the host between dots may be a glob. */
  readonly match: string
  readonly username: string
  readonly password: string
}

/** The Secret that credentials come from; those of the node itself have none. */
export interface SecretSource {
  readonly uid: string
  readonly namespace: string
  readonly name: string
}

/** Credentials to try, and whose they are. */
export interface PullCredentials {
  readonly auth: RegistryAuth
  /** Of what is in them, to tell one from another without keeping it. */
  readonly hash: string
  readonly source: SecretSource | undefined
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

const dockerHub = 'index.docker.io'

/** `{ auths: { registry: { auth | username, password } } }`, or the older form without `auths`. Throws for what is no JSON. */
export const parseDockerConfig = (text: string): KeyringEntry[] => {
  const document: unknown = JSON.parse(text)
  const auths = isRecord(document) && isRecord(document['auths']) ? document['auths'] : document
  if (!isRecord(auths)) return []
  return Object.entries(auths).flatMap(([registry, entry]): KeyringEntry[] => {
    if (!isRecord(entry)) return []
    const decoded = typeof entry['auth'] === 'string' ? Buffer.from(entry['auth'], 'base64').toString() : ''
    const colon = decoded.indexOf(':')
    const username = typeof entry['username'] === 'string' ? entry['username'] : decoded.slice(0, Math.max(0, colon))
    const password = typeof entry['password'] === 'string' ? entry['password'] : decoded.slice(colon + 1)
    return [{ match: matchOf(registry), username, password }]
  })
}

/** Schemes and the version of the API are no part of what is matched. */
const matchOf = (registry: string): string =>
  registry
    .replace(/^https?:\/\//, '')
    .replace(/\/v[12]\/?$/, '')
    .replace(/\/$/, '')

/** A glob that is none (`[` without its end, as in an IPv6 address) matches nothing. */
const matchesGlob = (glob: string, text: string): boolean => {
  const pattern = glob
    .replaceAll(/[.+^${}()|\\]/g, '\\$&')
    .replaceAll('*', '[^.]*')
    .replaceAll('?', '[^.]')
  try {
    return new RegExp(`^${pattern}$`).test(text)
  } catch {
    return false
  }
}

/** `*.example.com` is one part more than `example.com`; ports must be the same, paths may be a beginning. */
export const matchesImage = (match: string, repository: string): boolean => {
  const [matchHost = '', ...matchPath] = match.split('/')
  const [host = '', ...path] = repository.split('/')
  const [matchName = '', matchPort = ''] = matchHost.split(':')
  const [name = '', port = ''] = host.split(':')
  const globs = matchName.split('.')
  const parts = name.split('.')
  if (matchPort !== port || globs.length !== parts.length) return false
  if (!globs.every((glob, index) => matchesGlob(glob, parts[index] ?? ''))) return false
  return path.join('/').startsWith(matchPath.join('/'))
}

/** The reference without tag and digest, with the host that is meant. */
export const repositoryOf = (image: string): string => {
  const bare = image.split('@')[0] ?? image
  const colon = bare.lastIndexOf(':')
  const name = colon > bare.lastIndexOf('/') ? bare.slice(0, colon) : bare
  if (registryOf(image) !== 'docker.io') return name
  const path = name.replace(/^(?:index\.)?docker\.io\//, '')
  return `${dockerHub}/${path.includes('/') ? path : `library/${path}`}`
}

/** Credentials that fit the image, the most specific first. */
export const lookUp = (
  entries: readonly KeyringEntry[],
  image: string,
  source: SecretSource | undefined,
): PullCredentials[] => {
  const repository = repositoryOf(image)
  const serverAddress = registryOf(image)
  return entries
    .filter(({ match }) => matchesImage(match === 'docker.io' ? dockerHub : match, repository))
    .toSorted((a, b) => (a.match < b.match ? 1 : -1))
    .map(({ username, password }) => ({
      auth: { username, password, serverAddress },
      hash: createHash('sha256')
        .update(JSON.stringify([username, password]))
        .digest('hex'),
      source,
    }))
}
