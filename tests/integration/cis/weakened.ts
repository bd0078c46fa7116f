import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import { dump, load } from 'js-yaml'
import { gatherEvidence } from '../../../deploy/cis/evidence.ts'
import { runSections } from '../../../deploy/cis/report.ts'
import { sections } from '../../../deploy/cis/sections.ts'
import { encryptionConfigPath } from '../../../deploy/encryption.ts'
import { running as processOf } from '../../../deploy/process-table.ts'
import type { TestCluster } from '../../harness/cluster.ts'
import type { Running } from '../../harness/use-cluster.ts'
import { waitFor } from '../../harness/wait.ts'

interface ClusterFile {
  readonly spec: {
    readonly controlPlane: Record<string, unknown>
    readonly nodePools: Record<string, unknown>[]
  }
}

interface EncryptionFile {
  readonly resources: readonly { readonly providers: readonly object[] }[]
}

/** Changes the cluster file, which the supervisor follows; a kubelet reads its configuration when it starts. */
const apply = async (cluster: TestCluster, change: (file: ClusterFile) => void): Promise<void> => {
  const { layout } = cluster
  const file = load(readFileSync(layout.clusterFile, 'utf8')) as ClusterFile
  change(file)
  const before = processOf(layout.run, 'kube-apiserver')?.pid
  const [node] = cluster.nodes()
  if (node === undefined) throw new Error('no node')
  const configBefore = readFileSync(layout.node(node.name).kubeletConfig, 'utf8')
  writeFileSync(layout.clusterFile, dump(file), { mode: 0o600 })
  await waitFor(
    () => {
      const now = processOf(layout.run, 'kube-apiserver')?.pid
      return (
        now !== undefined &&
        now !== before &&
        configBefore !== readFileSync(layout.node(node.name).kubeletConfig, 'utf8')
      )
    },
    { what: 'another API server' },
  )
  const kubelet = processOf(layout.run, `${node.name}-kubelet`)
  if (kubelet !== undefined) process.kill(kubelet.pid, 'SIGTERM')
  await waitFor(
    async () => {
      const restarted = processOf(layout.run, `${node.name}-kubelet`)
      if (restarted === undefined || restarted.pid === kubelet?.pid) return false
      await gatherEvidence(layout).nodes[0]?.configuration()
      return (await cluster.client.raw('GET', '/readyz')) === 'ok'
    },
    { what: 'a kubelet with the new configuration' },
  )
}

const failures = async (cluster: TestCluster): Promise<string[]> => {
  const results = await runSections(
    sections.filter(({ id }) => /^[1-4]/.test(id)),
    gatherEvidence(cluster.layout),
    () => undefined,
  )
  return results.filter(({ verdict }) => verdict.type === 'fail').map(({ id }) => id)
}

export const describeWeakened = (running: Running): void => {
  describe('the CIS benchmark of a weakened cluster', () => {
    let cluster: TestCluster
    before(() => {
      cluster = running()
    })

    it('fails just what was weakened, by what the processes do', async () => {
      const directory = cluster.layout.root
      const tokens = join(directory, 'tokens.csv')
      writeFileSync(tokens, 'secret,ann,1\n')
      const encryption = join(directory, 'plain.yaml')
      // What is stored can still be read; what is new is stored as it is.
      const kept = load(readFileSync(encryptionConfigPath(cluster.layout), 'utf8')) as EncryptionFile
      const resources = kept.resources.map((entry) => ({ ...entry, providers: entry.providers.toReversed() }))
      writeFileSync(encryption, dump({ ...kept, resources }))
      const policy = join(directory, 'policy.yaml')
      writeFileSync(policy, dump({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules: [{ level: 'Request' }] }))
      await apply(cluster, ({ spec }) => {
        spec.controlPlane['extraArgs'] = {
          'kube-apiserver': {
            'anonymous-auth': 'true',
            'token-auth-file': tokens,
            profiling: 'true',
            'authorization-mode': 'RBAC',
            'enable-admission-plugins': 'AlwaysAdmit',
            'audit-log-maxage': '1',
            'audit-policy-file': policy,
            'tls-cipher-suites': '',
            'encryption-provider-config': encryption,
            'service-account-extend-token-expiration': 'true',
          },
          'kube-scheduler': { 'bind-address': '0.0.0.0' },
          'kube-controller-manager': { 'use-service-account-credentials': 'false' },
        }
        for (const pool of spec.nodePools) {
          pool['kubelet'] = {
            rotateCertificates: false,
            seccompDefault: false,
            podPidsLimit: -1,
            authorization: { mode: 'AlwaysAllow' },
            tlsCipherSuites: ['TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA'],
            eventRecordQPS: 0,
            makeIPTablesUtilChains: false,
          }
        }
      })
      await waitFor(() => gatherEvidence(cluster.layout), { what: 'all processes' })
      assert.deepEqual(await failures(cluster), [
        '1.2.1',
        '1.2.2',
        '1.2.7',
        '1.2.9',
        '1.2.10',
        '1.2.14',
        '1.2.15',
        '1.2.17',
        '1.2.28',
        '1.2.29',
        '1.2.30',
        '1.3.3',
        '1.4.2',
        '3.2.2',
        '4.2.2',
        '4.2.6',
        '4.2.8',
        '4.2.10',
        '4.2.12',
        '4.2.13',
        '4.2.14',
      ])
    })
  })
}
