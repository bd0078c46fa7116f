import { existsSync, readFileSync, statSync } from 'node:fs'
import { dump } from 'js-yaml'
import { clusterOfKubeconfig } from '../kubeconfig.ts'
import { writeFileAtomic } from './store.ts'

export interface KubeconfigPlace {
  readonly cluster: string
  readonly user: string
  /** `https://host:port`. */
  readonly server: string
}

export interface KubeconfigContent extends KubeconfigPlace {
  readonly caPem: string
  readonly certPem: string
  readonly keyPem: string
}

const base64 = (text: string): string => Buffer.from(text).toString('base64')

/** A kubeconfig of one cluster, one user and one context; `authority` is the cluster's CA, `login` the user's part. */
const kubeconfigOf = ({ cluster, user, server }: KubeconfigPlace, authority: object, login: object): object => {
  const context = `${user}@${cluster}`
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: cluster, cluster: { server, ...authority } }],
    users: [{ name: user, user: login }],
    contexts: [{ name: context, context: { cluster, user } }],
    'current-context': context,
  }
}

/** Leaves the file alone if it is so already. */
const writeIfOther = (path: string, config: object): void => {
  const content = dump(config, { lineWidth: -1 })
  const isSame = existsSync(path) && readFileSync(path, 'utf8') === content && (statSync(path).mode & 0o077) === 0
  if (!isSame) writeFileAtomic(path, content, 0o600)
}

/** Writes a kubeconfig with everything embedded, readable by its owner only. */
export const writeKubeconfig = (path: string, { caPem, certPem, keyPem, ...place }: KubeconfigContent): void => {
  const login = { 'client-certificate-data': base64(certPem), 'client-key-data': base64(keyPem) }
  writeIfOther(path, kubeconfigOf(place, { 'certificate-authority-data': base64(caPem) }, login))
}

/** Writes a kubeconfig with a bearer token and the CA's file, readable by its owner only. */
export const writeTokenKubeconfig = (
  path: string,
  { caFile, ...place }: KubeconfigPlace & { readonly caFile: string },
  token: string,
): void => writeIfOther(path, kubeconfigOf(place, { 'certificate-authority': caFile }, { token }))

/**
 * Writes the kubeconfig of a bootstrapped kubelet: the cluster of the kubeconfig `from`, and the client certificate and
 * key of the file `pemPath`, which are read anew when they are rotated. Upstream: writeKubeconfigFromBootstrapping
 */
export const writeClientKubeconfig = (
  path: string,
  { from, pemPath }: { readonly from: string; readonly pemPath: string },
): void => {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'default-cluster', cluster: clusterOfKubeconfig(from) }],
    users: [{ name: 'default-auth', user: { 'client-certificate': pemPath, 'client-key': pemPath } }],
    contexts: [
      {
        name: 'default-context',
        context: { cluster: 'default-cluster', namespace: 'default', user: 'default-auth' },
      },
    ],
    'current-context': 'default-context',
  }
  writeFileAtomic(path, dump(config, { lineWidth: -1 }), 0o600)
}
