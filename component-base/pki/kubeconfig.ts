import { existsSync, readFileSync, statSync } from 'node:fs'
import { dump } from 'js-yaml'
import { writeFileAtomic } from './store.ts'

export interface KubeconfigContent {
  readonly cluster: string
  readonly user: string
  /** `https://host:port`. */
  readonly server: string
  readonly caPem: string
  readonly certPem: string
  readonly keyPem: string
}

const base64 = (text: string): string => Buffer.from(text).toString('base64')

/** Writes a kubeconfig with everything embedded, readable by its owner only; leaves it alone if it is so already. */
export const writeKubeconfig = (
  path: string,
  { cluster, user, server, caPem, certPem, keyPem }: KubeconfigContent,
): void => {
  const context = `${user}@${cluster}`
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: cluster, cluster: { server, 'certificate-authority-data': base64(caPem) } }],
    users: [{ name: user, user: { 'client-certificate-data': base64(certPem), 'client-key-data': base64(keyPem) } }],
    contexts: [{ name: context, context: { cluster, user } }],
    'current-context': context,
  }
  const content = dump(config, { lineWidth: -1 })
  const isSame = existsSync(path) && readFileSync(path, 'utf8') === content && (statSync(path).mode & 0o077) === 0
  if (!isSame) writeFileAtomic(path, content, 0o600)
}
