/** Kubeconfig files: where the API server is and who we are. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { load } from 'js-yaml'

/** How to reach and convince an API server. Files are read when asked for, so that rotation takes effect. */
export interface ClientConfig {
  readonly server: string
  readonly insecureSkipTlsVerify: boolean
  readonly tlsServerName: string | undefined
  readonly ca: () => Buffer | undefined
  readonly cert: () => Buffer | undefined
  readonly key: () => Buffer | undefined
  /** The bearer token, or undefined. */
  readonly token: () => string | undefined
  /** Changes when `ca`, `cert` or `key` give something new: of files within some seconds. */
  readonly tlsVersion: () => string
}

type Raw = Readonly<Record<string, unknown>>

const isRecord = (value: unknown): value is Raw => typeof value === 'object' && value !== null && !Array.isArray(value)

const named = (list: unknown, name: string, field: string): Raw => {
  const entry = Array.isArray(list) ? list.filter(isRecord).find((item) => item['name'] === name) : undefined
  const value = entry?.[field]
  return isRecord(value) ? value : {}
}

const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)

/** Ways to log in that this client does not know: better refused by name than sent as nobody. */
const unsupportedLogins = ['exec', 'auth-provider', 'username', 'password', 'as', 'as-uid', 'as-groups'] as const

const tokenLifeMs = 60_000
/** How often a kubeconfig and the files that it names are looked at, by who uses it. */
const rotationCheckMs = 5_000

/** A file's text, read again after a minute: projected tokens are replaced in place. */
const cachedFile = (path: string): (() => string) => {
  let content = ''
  let readAt = Number.NEGATIVE_INFINITY
  return () => {
    if (performance.now() - readAt > tokenLifeMs) {
      content = readFileSync(path, 'utf8').trim()
      readAt = performance.now()
    }
    return content
  }
}

const versionOf = (files: readonly string[]): string =>
  files.map((file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0).join()

/** How a user of a kubeconfig shows who it is. Files are read when asked for. */
export interface UserCredentials {
  readonly cert: () => Buffer | undefined
  readonly key: () => Buffer | undefined
  /** The bearer token, or undefined. */
  readonly token: () => string | undefined
}

/** What a file or base64 text in the field holds; files are added to `files`. */
const material = (from: Raw, field: string, path: string, files: string[]): (() => Buffer | undefined) => {
  const data = text(from[`${field}-data`])
  if (data !== undefined) {
    const bytes = Buffer.from(data, 'base64')
    return () => bytes
  }
  const file = text(from[field])
  if (file === undefined) return () => undefined
  const absolute = resolve(dirname(path), file)
  files.push(absolute)
  return () => readFileSync(absolute)
}

const credentialsOf = (user: Raw, path: string, files: string[]): UserCredentials => {
  for (const login of unsupportedLogins) {
    if (user[login] !== undefined) throw new Error(`${path}: ${login} of a user is not implemented by kubets`)
  }
  const tokenFile = text(user['tokenFile'])
  const token = text(user['token'])
  const fromFile = tokenFile === undefined ? undefined : cachedFile(resolve(dirname(path), tokenFile))
  return {
    cert: material(user, 'client-certificate', path, files),
    key: material(user, 'client-key', path, files),
    token: fromFile ?? (() => token),
  }
}

const readDocument = (path: string): Raw => {
  const document = load(readFileSync(path, 'utf8'))
  if (!isRecord(document)) throw new Error(`${path}: not a kubeconfig`)
  return document
}

interface Context {
  readonly cluster: Raw
  readonly user: Raw
}

const currentContext = (path: string): Context => {
  const document = readDocument(path)
  const context = named(document['contexts'], text(document['current-context']) ?? '', 'context')
  const cluster = named(document['clusters'], text(context['cluster']) ?? '', 'cluster')
  if (text(cluster['server']) === undefined) throw new Error(`${path}: no cluster for the current context`)
  return { cluster, user: named(document['users'], text(context['user']) ?? '', 'user') }
}

/** The cluster of a kubeconfig's current context, as its fields are written, paths made absolute. */
export const clusterOfKubeconfig = (path: string): Readonly<Record<string, unknown>> => {
  const { cluster } = currentContext(path)
  const file = text(cluster['certificate-authority'])
  return file === undefined ? cluster : { ...cluster, 'certificate-authority': resolve(dirname(path), file) }
}

/** What a kubeconfig says at the moment of who is whom. */
const readIdentities = ({ cluster, user }: Context, path: string) => {
  const files = [path]
  const ca = material(cluster, 'certificate-authority', path, files)
  return { ca, ...credentialsOf(user, path, files), files, version: versionOf(files) }
}

/**
 * Loads the current context of a kubeconfig; throws an Error that names the file if there is none. Certificates, keys
 * and tokens follow the file when it is written anew; where the server is does not.
 */
export const loadKubeconfig = (path: string): ClientConfig => {
  const context = currentContext(path)
  const { cluster } = context
  let identities = readIdentities(context, path)
  let checkedAt = performance.now()
  return {
    server: (text(cluster['server']) ?? '').replace(/\/$/, ''),
    insecureSkipTlsVerify: cluster['insecure-skip-tls-verify'] === true,
    tlsServerName: text(cluster['tls-server-name']),
    ca: () => identities.ca(),
    cert: () => identities.cert(),
    key: () => identities.key(),
    token: () => identities.token(),
    tlsVersion: () => {
      if (performance.now() - checkedAt < rotationCheckMs) return identities.version
      checkedAt = performance.now()
      if (versionOf(identities.files) === identities.version) return identities.version
      try {
        identities = readIdentities(currentContext(path), path)
      } catch {
        // Half-written: the next look finds it whole.
      }
      return identities.version
    },
  }
}

export interface KubeconfigUsers {
  readonly byName: ReadonlyMap<string, UserCredentials>
  /** The current context's, if it has one. */
  readonly current: UserCredentials | undefined
}

/** All users of a kubeconfig, for who talks to many servers. Throws an Error that names the file. */
export const loadKubeconfigUsers = (path: string): KubeconfigUsers => {
  const document = readDocument(path)
  const users = Array.isArray(document['users']) ? document['users'].filter(isRecord) : []
  const byName = new Map(
    users.map(({ name, user }): [string, UserCredentials] => [
      text(name) ?? '',
      credentialsOf(isRecord(user) ? user : {}, path, []),
    ]),
  )
  const context = named(document['contexts'], text(document['current-context']) ?? '', 'context')
  return { byName, current: byName.get(text(context['user']) ?? '') }
}

const serviceAccountDir = '/var/run/secrets/kubernetes.io/serviceaccount'

/** The configuration of a Pod: its ServiceAccount's token and the Service `kubernetes`. */
export const inClusterConfig = (): ClientConfig => {
  const host = process.env['KUBERNETES_SERVICE_HOST']
  const port = process.env['KUBERNETES_SERVICE_PORT']
  if (host === undefined || port === undefined || !existsSync(`${serviceAccountDir}/token`)) {
    throw new Error('not in a cluster: KUBERNETES_SERVICE_HOST or the ServiceAccount token is missing')
  }
  return {
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    insecureSkipTlsVerify: false,
    tlsServerName: undefined,
    ca: () => readFileSync(`${serviceAccountDir}/ca.crt`),
    cert: () => undefined,
    key: () => undefined,
    token: cachedFile(`${serviceAccountDir}/token`),
    tlsVersion: () => '',
  }
}
