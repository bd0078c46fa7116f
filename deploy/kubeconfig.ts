/** The `kubets` context in the user's own kubeconfig, as kind and minikube put theirs. */
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { dump, load } from 'js-yaml'

interface Named {
  readonly name: string
  readonly [field: string]: unknown
}

interface Kubeconfig {
  apiVersion: string
  kind: string
  clusters?: Named[]
  contexts?: Named[]
  users?: Named[]
  'current-context'?: string
  [field: string]: unknown
}

/** The first file of $KUBECONFIG, or ~/.kube/config: where kubectl looks. */
export const userKubeconfigPath = (): string =>
  process.env['KUBECONFIG']?.split(':').find((path) => path !== '') ?? join(homedir(), '.kube', 'config')

const read = (path: string): Kubeconfig => {
  const parsed = existsSync(path) ? load(readFileSync(path, 'utf8')) : undefined
  return typeof parsed === 'object' && parsed !== null ? (parsed as Kubeconfig) : { apiVersion: 'v1', kind: 'Config' }
}

/** Written beside and renamed, so that a crash never leaves half of the user's kubeconfig. */
const write = (path: string, config: Kubeconfig): void => {
  mkdirSync(dirname(path), { recursive: true })
  const temporary = `${path}.kubets-${process.pid}`
  writeFileSync(temporary, dump(config, { lineWidth: -1 }), { mode: 0o600 })
  chmodSync(temporary, 0o600)
  renameSync(temporary, path)
}

const without = (list: readonly Named[] | undefined, name: string): Named[] =>
  (list ?? []).filter((entry) => entry.name !== name)

/** Puts the first cluster and user of `adminConf` into the user's kubeconfig as context `name`, and selects it. */
export const mergeContext = (path: string, adminConf: string, name: string): void => {
  const admin = read(adminConf)
  const config = read(path)
  const cluster = admin.clusters?.[0]
  const user = admin.users?.[0]
  if (cluster === undefined || user === undefined) throw new Error(`${adminConf} has no cluster or no user`)
  config.clusters = [...without(config.clusters, name), { ...cluster, name }]
  config.users = [...without(config.users, name), { ...user, name }]
  config.contexts = [...without(config.contexts, name), { name, context: { cluster: name, user: name } }]
  config['current-context'] = name
  write(path, config)
}

/** Takes the context out again; a kubeconfig without it is left as it is. */
export const removeContext = (path: string, name: string): void => {
  if (!existsSync(path)) return
  const config = read(path)
  if (!config.contexts?.some((context) => context.name === name)) return
  config.clusters = without(config.clusters, name)
  config.users = without(config.users, name)
  config.contexts = without(config.contexts, name)
  if (config['current-context'] === name) config['current-context'] = config.contexts[0]?.name ?? ''
  write(path, config)
}
