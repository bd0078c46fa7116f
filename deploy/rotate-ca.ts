/**
 * A new CA for a running cluster, without an end of anything: first it is trusted beside the old one, then it signs, at
 * last the old one is forgotten. Every process follows the files (`ca.crt` and what was signed); each call is one step,
 * and says what to wait for before the next. The CA whose key signs is the first one of `ca.crt`. Each of the three CAs
 * has a rotation of its own.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { apiServices, configMaps } from '../api/resources.ts'
import { createRestClient } from '../client/rest/rest-client.ts'
import { loadKubeconfig } from '../component-base/kubeconfig.ts'
import { createCa } from '../component-base/pki/certificates.ts'
import { writeFileAtomic } from '../component-base/pki/store.ts'
import { clusterInfo } from './bootstrap-token.ts'
import { type ClusterConfig, ClusterConfigError } from './cluster-config.ts'
import type { Layout } from './layout.ts'
import { ensureClusterPki, ensureNodePki } from './pki.ts'

const certificatesOf = (pem: string): string[] =>
  (pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? []).map((text) => `${text}\n`)

export type Authority = 'cluster' | 'front-proxy' | 'etcd'

/** Where each is in `pki/`, and what it calls itself: kubeadm's names. */
const authorities: Readonly<Record<Authority, { readonly file: string; readonly commonName: string }>> = {
  cluster: { file: 'ca', commonName: 'kubernetes' },
  'front-proxy': { file: 'front-proxy-ca', commonName: 'front-proxy-ca' },
  etcd: { file: 'etcd/ca', commonName: 'etcd-ca' },
}

/** Throws ClusterConfigError for a name of no authority, and for one that is not this cluster's. */
export const authorityOf = (name: string, { controlPlane }: ClusterConfig): Authority => {
  if (!Object.hasOwn(authorities, name))
    throw new ClusterConfigError(`unknown CA ${name}: ${Object.keys(authorities).join(', ')}`)
  if (name === 'etcd' && controlPlane.externalEtcd !== undefined)
    throw new ClusterConfigError('the CA of an external etcd is not of this cluster')
  return name as Authority
}

/** Where a rotation is: what has been done so far. */
type Stage =
  | { readonly type: 'one CA'; readonly current: string }
  | { readonly type: 'both trusted'; readonly current: string; readonly next: string; readonly nextKey: string }
  | { readonly type: 'new one signs'; readonly current: string }

const stageOf = ({ pki }: Layout, file: string): Stage => {
  const [current = '', next] = certificatesOf(readFileSync(join(pki, `${file}.crt`), 'utf8'))
  const nextKeyFile = join(pki, `${file}-next.key`)
  if (next === undefined) return { type: 'one CA', current }
  if (!existsSync(nextKeyFile)) return { type: 'new one signs', current }
  const nextKey = readFileSync(nextKeyFile, 'utf8')
  // Ended in the middle of the second step, but for this file.
  const signsAlready = new X509Certificate(current).checkPrivateKey(createPrivateKey(nextKey))
  return signsAlready ? { type: 'new one signs', current } : { type: 'both trusted', current, next, nextKey }
}

const nodeNames = ({ root }: Layout): string[] => {
  const directory = join(root, 'nodes')
  return existsSync(directory) ? readdirSync(directory) : []
}

/** Writes anew what follows from the CA's files: certificates, kubeconfigs, and what joining nodes are told. */
const spread = async (authority: Authority, config: ClusterConfig, layout: Layout): Promise<void> => {
  await ensureClusterPki(config, layout)
  // Nobody but the API server and etcd knows the other two, and extension API servers, which it tells.
  if (authority !== 'cluster') return
  for (const name of nodeNames(layout)) await ensureNodePki(config, layout, { name })
  const client = createRestClient(loadKubeconfig(layout.adminConf), { userAgent: 'kubets-rotate-ca' })
  try {
    const { data } = clusterInfo(config, layout)
    await client.patch(configMaps, 'cluster-info', 'kube-public', { data }, { type: 'merge' })
    if (config.controlPlane.metricsServerPort > 0) {
      const caBundle = readFileSync(join(layout.pki, 'ca.crt')).toString('base64')
      await client.patch(apiServices, 'v1beta1.metrics.k8s.io', undefined, { spec: { caBundle } }, { type: 'merge' })
    }
  } finally {
    await client.close()
  }
}

/** Nodes whose kubelet still has a certificate of another CA than the cluster's. */
const laggards = (authority: Authority, layout: Layout, ca: X509Certificate): string[] =>
  (authority === 'cluster' ? nodeNames(layout) : []).filter((name) =>
    ['kubelet-client', 'kubelet-server'].some((prefix) => {
      const path = join(layout.node(name).pki, `${prefix}-current.pem`)
      return existsSync(path) && !new X509Certificate(readFileSync(path)).verify(ca.publicKey)
    }),
  )

/** Does the next step and says what it was. Throws when it is too early for it. */
export const rotateCa = async (authority: Authority, config: ClusterConfig, layout: Layout): Promise<string> => {
  const { file: name, commonName } = authorities[authority]
  const stage = stageOf(layout, name)
  const [certFile, keyFile, nextKeyFile] = [`${name}.crt`, `${name}.key`, `${name}-next.key`].map((file) =>
    join(layout.pki, file),
  ) as [string, string, string]
  switch (stage.type) {
    case 'one CA': {
      const { certPem, keyPem } = await createCa(commonName)
      writeFileAtomic(nextKeyFile, keyPem, 0o600)
      writeFileAtomic(certFile, stage.current + certPem)
      await spread(authority, config, layout)
      return 'a new CA is trusted beside the old one; once all that reads it has it, say this again, and it signs'
    }
    case 'both trusted': {
      // The key first: in between nothing is signed, since the two are no pair.
      writeFileAtomic(keyFile, stage.nextKey, 0o600)
      writeFileAtomic(certFile, stage.next + stage.current)
      rmSync(nextKeyFile)
      await spread(authority, config, layout)
      return 'the new CA signs, and all get certificates of it; say this again, and the old one is forgotten'
    }
    case 'new one signs': {
      const late = laggards(authority, layout, new X509Certificate(stage.current))
      if (late.length > 0) throw new Error(`too early: ${late.join(', ')} still have certificates of the old CA`)
      rmSync(nextKeyFile, { force: true })
      writeFileAtomic(certFile, stage.current)
      await spread(authority, config, layout)
      return 'the old CA is forgotten'
    }
  }
}
