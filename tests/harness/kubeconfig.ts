/** Kubeconfigs for other users than the administrator. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { dump } from 'js-yaml'
import type { TestCluster } from './cluster.ts'

let count = 0

/** Writes a kubeconfig that logs in with a bearer token, into the cluster's directory; returns its path. */
export const writeTokenKubeconfig = (cluster: TestCluster, token: string): string => {
  const path = join(cluster.layout.root, `token-${++count}.conf`)
  const ca = readFileSync(join(cluster.layout.pki, 'ca.crt')).toString('base64')
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'default',
    clusters: [{ name: 'default', cluster: { server: cluster.server, 'certificate-authority-data': ca } }],
    users: [{ name: 'default', user: { token } }],
    contexts: [{ name: 'default', context: { cluster: 'default', user: 'default' } }],
  }
  writeFileSync(path, dump(config), { mode: 0o600 })
  return path
}
