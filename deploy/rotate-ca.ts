/**
 * A new CA for a running cluster, without an end of anything: first it is trusted beside the old one, then it signs, at
 * last the old one is forgotten. Every process follows the files (`ca.crt` and what was signed); each call is one step,
 * and says what to wait for before the next. The CA whose key signs is the first one of `ca.crt`.
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
import type { ClusterConfig } from './cluster-config.ts'
import type { Layout } from './layout.ts'
import { ensureClusterPki, ensureNodePki } from './pki.ts'

const certificatesOf = (pem: string): string[] =>
  (pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? []).map((text) => `${text}\n`)

/** Where a rotation is: what has been done so far. */
type Stage =
  | { readonly type: 'one CA'; readonly current: string }
  | { readonly type: 'both trusted'; readonly current: string; readonly next: string; readonly nextKey: string }
  | { readonly type: 'new one signs'; readonly current: string }

const stageOf = ({ pki }: Layout): Stage => {
  const [current = '', next] = certificatesOf(readFileSync(join(pki, 'ca.crt'), 'utf8'))
  const nextKeyFile = join(pki, 'ca-next.key')
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

/** Writes anew what follows from `ca.crt` and `ca.key`: certificates, kubeconfigs, and what joining nodes are told. */
const spread = async (config: ClusterConfig, layout: Layout): Promise<void> => {
  await ensureClusterPki(config, layout)
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

/** Nodes whose kubelet still has a certificate of another CA. */
const laggards = (layout: Layout, ca: X509Certificate): string[] =>
  nodeNames(layout).filter((name) =>
    ['kubelet-client', 'kubelet-server'].some((prefix) => {
      const path = join(layout.node(name).pki, `${prefix}-current.pem`)
      return existsSync(path) && !new X509Certificate(readFileSync(path)).verify(ca.publicKey)
    }),
  )

/** Does the next step and says what it was. Throws when it is too early for it. */
export const rotateCa = async (config: ClusterConfig, layout: Layout): Promise<string> => {
  const stage = stageOf(layout)
  const file = (name: string): string => join(layout.pki, name)
  switch (stage.type) {
    case 'one CA': {
      const { certPem, keyPem } = await createCa('kubernetes')
      writeFileAtomic(file('ca-next.key'), keyPem, 0o600)
      writeFileAtomic(file('ca.crt'), stage.current + certPem)
      await spread(config, layout)
      return 'a new CA is trusted beside the old one; once all that reads ca.crt has it, say this again, and it signs'
    }
    case 'both trusted': {
      // The key first: in between nothing is signed, since the two are no pair.
      writeFileAtomic(file('ca.key'), stage.nextKey, 0o600)
      writeFileAtomic(file('ca.crt'), stage.next + stage.current)
      rmSync(file('ca-next.key'))
      await spread(config, layout)
      return 'the new CA signs, and all get certificates of it; say this again, and the old one is forgotten'
    }
    case 'new one signs': {
      const late = laggards(layout, new X509Certificate(stage.current))
      if (late.length > 0) throw new Error(`too early: ${late.join(', ')} still have certificates of the old CA`)
      rmSync(file('ca-next.key'), { force: true })
      writeFileAtomic(file('ca.crt'), stage.current)
      await spread(config, layout)
      return 'the old CA is forgotten'
    }
  }
}
