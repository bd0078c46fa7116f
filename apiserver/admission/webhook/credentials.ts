/**
 * How webhooks can know that it is this API server that asks: a kubeconfig whose users are named by who is called.
 * Upstream: apiserver/pkg/util/webhook/authentication.go and plugin/webhook/config
 */
import { isAbsolute } from 'node:path'
import type { ParsedText } from '../../../api/codec/json.ts'
import { invalid } from '../../../api/meta/field-error.ts'
import { inClusterConfig, loadKubeconfigUsers, type UserCredentials } from '../../../component-base/kubeconfig.ts'
import { ConfigError, decodeConfig } from '../config/decode-config.ts'
import { text } from '../config/schema.ts'

/** Of `name:port`, or `service.namespace.svc:port`; undefined is anonymous. */
export type CredentialsFor = (hostPort: string) => UserCredentials | undefined

const configuration = {
  kind: 'WebhookAdmissionConfiguration',
  apiVersions: ['apiserver.config.k8s.io/v1'],
  fields: { kubeConfigFile: text },
}
const olderConfiguration = {
  ...configuration,
  kind: 'WebhookAdmission',
  apiVersions: ['apiserver.config.k8s.io/v1alpha1'],
}

const readPath = (document: ParsedText): string => {
  const { kind } = (document.value ?? {}) as { readonly kind?: unknown }
  const decoded = decodeConfig(document, kind === olderConfiguration.kind ? olderConfiguration : configuration)
  const { kubeConfigFile = '' } = decoded as { readonly kubeConfigFile?: string }
  if (isAbsolute(kubeConfigFile)) return kubeConfigFile
  const { field, detail } = invalid('kubeConfigFile', kubeConfigFile, 'must be an absolute file path')
  throw new ConfigError(`${field}: ${detail}`)
}

/** The name itself, then the domains around it with a star: `*.ns.svc:443`, `*.svc:443`. */
const namesOf = (target: string): string[] => {
  const steps = target.split('.')
  return [target, ...steps.slice(1).map((_, index) => `*.${steps.slice(index + 1).join('.')}`)]
}

const defaultPort = ':443'

const apiServer = (): UserCredentials | undefined => {
  try {
    return inClusterConfig()
  } catch {
    return undefined
  }
}

/** Throws ConfigError. */
export const readWebhookCredentials = (document: ParsedText | undefined): CredentialsFor => {
  if (document === undefined) return () => undefined
  let users: ReturnType<typeof loadKubeconfigUsers>
  try {
    users = loadKubeconfigUsers(readPath(document))
  } catch (error) {
    if (error instanceof ConfigError) throw error
    throw new ConfigError((error as Error).message)
  }
  const { byName, current } = users
  return (hostPort) => {
    const host = hostPort.endsWith(defaultPort) ? hostPort.slice(0, -defaultPort.length) : undefined
    const names = [...namesOf(hostPort), ...(host === undefined ? [] : namesOf(host))]
    const name = names.find((candidate) => byName.has(candidate))
    if (name !== undefined) return byName.get(name)
    const inside = hostPort === 'kubernetes.default.svc:443' ? apiServer() : undefined
    return inside ?? byName.get('*') ?? current
  }
}
