/**
 * The token with which this cluster's nodes join, as kubeadm makes it: a Secret in kube-system that ends after a day,
 * and the ConfigMap cluster-info in kube-public that says where the cluster is.
 */
import { randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { dump } from 'js-yaml'
import type { ConfigMap, Secret } from '../api/types.ts'
import { writeFileAtomic } from '../component-base/pki/store.ts'
import { urlHost } from './cidr.ts'
import type { ClusterConfig } from './cluster-config.ts'
import type { Layout } from './layout.ts'
import { hostAddress } from './network.ts'

export interface BootstrapToken {
  readonly id: string
  readonly secret: string
  /** Milliseconds since the epoch. */
  readonly expires: number
}

const lifetimeMs = 24 * 3_600_000
/** One with less than this left is not handed out any more. */
const leastLeftMs = 3_600_000
const group = 'system:bootstrappers:kubeadm:default-node-token'
const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789'

const randomText = (length: number): string =>
  Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('')

const fileOf = ({ pki }: Layout): string => join(pki, 'bootstrap-token.json')

const known = (layout: Layout): BootstrapToken | undefined => {
  try {
    return JSON.parse(readFileSync(fileOf(layout), 'utf8')) as BootstrapToken
  } catch {
    return undefined // none yet
  }
}

/** The token of now, made anew when the last one is near its end. Its file is readable by its owner only. */
export const ensureBootstrapToken = (layout: Layout): BootstrapToken => {
  const present = known(layout)
  if (present !== undefined && present.expires - Date.now() > leastLeftMs) return present
  const token = { id: randomText(6), secret: randomText(16), expires: Date.now() + lifetimeMs }
  writeFileAtomic(fileOf(layout), JSON.stringify(token), 0o600)
  return token
}

export const tokenText = ({ id, secret }: BootstrapToken): string => `${id}.${secret}`

const base64 = (text: string): string => Buffer.from(text).toString('base64')

const tokenSecret = (token: BootstrapToken): Secret => ({
  apiVersion: 'v1',
  kind: 'Secret',
  type: 'bootstrap.kubernetes.io/token',
  metadata: { name: `bootstrap-token-${token.id}`, namespace: 'kube-system' },
  data: {
    description: base64('The token with which the nodes of the cluster file join.'),
    'token-id': base64(token.id),
    'token-secret': base64(token.secret),
    expiration: base64(new Date(token.expires).toISOString().replace(/\.\d+Z$/, 'Z')),
    'usage-bootstrap-authentication': base64('true'),
    'usage-bootstrap-signing': base64('true'),
    'auth-extra-groups': base64(group),
  },
})

/** Where nodes find the API server. */
export const nodeServer = (config: ClusterConfig): string =>
  `https://${urlHost(hostAddress(config))}:${config.controlPlane.apiServerPort}`

export const clusterInfo = (config: ClusterConfig, { pki }: Layout): ConfigMap => {
  const cluster = {
    'certificate-authority-data': readFileSync(join(pki, 'ca.crt')).toString('base64'),
    server: nodeServer(config),
  }
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: '', cluster }],
    contexts: null,
    'current-context': '',
    users: null,
  }
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'cluster-info', namespace: 'kube-public' },
    data: { kubeconfig: dump(kubeconfig, { lineWidth: -1 }) },
  }
}

/** What the API server has to know before a node can join. */
export const bootstrapObjects = (config: ClusterConfig, layout: Layout): (Secret | ConfigMap)[] => [
  tokenSecret(ensureBootstrapToken(layout)),
  clusterInfo(config, layout),
]
