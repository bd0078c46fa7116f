/**
 * The ConfigMap kube-system/extension-apiserver-authentication: what extension API servers need to trust this one. API
 * servers with other authorities share it, so each only adds what is its own.
 * Upstream: pkg/controlplane/controller/clusterauthenticationtrust
 */
import type { ConfigMap, KubeObject } from '../../api/types.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import { watchFiles } from '../../component-base/tls/tls-files.ts'
import type { RequestHeaderConfig } from '../config.ts'
import { keyFor } from '../registry/resource.ts'
import type { Resources } from '../registry/resources.ts'
import { wheneverChanged } from '../registry/whenever-changed.ts'
import { equalJson } from '../storage/json.ts'
import { ensureLike } from './ensure.ts'

export interface AuthenticationFacts {
  /** PEM. */
  readonly clientCa: string | undefined
  readonly requestHeader: (RequestHeaderConfig & { readonly ca: string }) | undefined
}

/** Where the facts stand: files that may be replaced. */
export interface AuthenticationFiles {
  readonly files: readonly string[]
  /** Throws where a file cannot be read. */
  readonly read: () => AuthenticationFacts
}

type Data = Readonly<Record<string, string>>

const name = 'extension-apiserver-authentication'
const namespace = 'kube-system'
const certificatePattern = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

const certificatesIn = (text: string): readonly string[] => text.match(certificatePattern) ?? []

/** All certificates of both, each once. */
const joinedCertificates = (present: string, own: string): string => {
  const all = [...certificatesIn(present), ...certificatesIn(own)]
  return `${[...new Set(all)].join('\n')}\n`
}

const listIn = (text: string): readonly string[] => {
  try {
    const value: unknown = JSON.parse(text)
    return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
  } catch {
    return []
  }
}

/** Both lists, each value once; an empty list of ours allows all and stays empty. */
const joinedList = (present: string | undefined, own: readonly string[]): string =>
  JSON.stringify(own.length === 0 ? [] : [...new Set([...listIn(present ?? '[]'), ...own])])

/** The data as this server needs it, with what others have put there. Pure. */
export const joinedFacts = (present: Data, { clientCa, requestHeader }: AuthenticationFacts): Data => ({
  ...present,
  ...(clientCa === undefined
    ? {}
    : { 'client-ca-file': joinedCertificates(present['client-ca-file'] ?? '', clientCa) }),
  ...(requestHeader === undefined
    ? {}
    : {
        'requestheader-allowed-names': joinedList(present['requestheader-allowed-names'], requestHeader.allowedNames),
        'requestheader-client-ca-file': joinedCertificates(
          present['requestheader-client-ca-file'] ?? '',
          requestHeader.ca,
        ),
        'requestheader-extra-headers-prefix': joinedList(
          present['requestheader-extra-headers-prefix'],
          requestHeader.extraPrefixes,
        ),
        'requestheader-group-headers': joinedList(present['requestheader-group-headers'], requestHeader.groupHeaders),
        'requestheader-username-headers': joinedList(
          present['requestheader-username-headers'],
          requestHeader.usernameHeaders,
        ),
        'requestheader-uid-headers': joinedList(present['requestheader-uid-headers'], requestHeader.uidHeaders),
      }),
})

/**
 * The data without the authorities that this server trusted before and trusts no more: who takes a CA out of its file
 * wants nobody to trust it. (Upstream leaves it there until it has expired.) Pure.
 */
export const withoutForgotten = (present: Data, before: AuthenticationFacts, now: AuthenticationFacts): Data => {
  const without = (field: string, old = '', kept = ''): Data => {
    const forgotten = certificatesIn(old).filter((certificate) => !certificatesIn(kept).includes(certificate))
    const text = present[field]
    if (text === undefined || forgotten.length === 0) return {}
    const left = certificatesIn(text).filter((certificate) => !forgotten.includes(certificate))
    return { [field]: `${left.join('\n')}\n` }
  }
  return {
    ...present,
    ...without('client-ca-file', before.clientCa, now.clientCa),
    ...without('requestheader-client-ca-file', before.requestHeader?.ca, now.requestHeader?.ca),
  }
}

export interface ClusterAuthentication {
  /** Makes it right once. */
  readonly sync: () => Promise<void>
  /** Keeps it right, until the signal. */
  readonly run: (signal: AbortSignal) => Promise<void>
}

export const createClusterAuthentication = (
  resources: Resources,
  { files, read }: AuthenticationFiles,
  log: Logger,
): ClusterAuthentication => {
  const configMaps = resources.get({ group: '', version: 'v1', resource: 'configmaps' })

  /** As it is right; a stored object never changes. */
  let settled: ConfigMap | undefined
  /** What the files said when the ConfigMap was right last. */
  let believed: AuthenticationFacts | undefined

  const sync = async (): Promise<void> => {
    await configMaps.store.cache.ready()
    const current = configMaps.store.cache.get(keyFor(configMaps, namespace, name))?.object as ConfigMap | undefined
    if (current !== undefined && current === settled) return
    const facts = read()
    const before = believed ?? facts
    const dataOf = (present: Data): Data => joinedFacts(withoutForgotten(present, before, facts), facts)
    const data = dataOf(current?.data ?? {})
    if (current !== undefined && equalJson(current.data ?? {}, data)) {
      settled = current
      believed = facts
      return
    }
    const wanted: ConfigMap = { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name, namespace }, data }
    await ensureLike(configMaps, wanted, (object: KubeObject) => {
      const configMap = object as ConfigMap
      configMap.data = dataOf(configMap.data ?? {})
    })
    believed = facts
  }

  const failed = (err: unknown): void => log.warn({ err }, 'the ConfigMap of extension API servers could not be kept')

  const run = (signal: AbortSignal): Promise<void> => {
    const look = (): void => {
      settled = undefined
      sync().catch(failed)
    }
    watchFiles(files, look, { signal })
    const work = async (): Promise<undefined> => {
      await sync()
      return undefined
    }
    return wheneverChanged({ caches: [configMaps.store.cache], work, onError: failed }, signal)
  }
  return { sync, run }
}
