import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { type Evidence, gatherEvidence } from '../../../deploy/cis/evidence.ts'
import type { ProcessEvidence } from '../../../deploy/cis/process-evidence.ts'
import type { Running } from '../../harness/use-cluster.ts'
import { verdictOf } from './run-check.ts'

type Part = 'apiServer' | 'controllerManager' | 'scheduler' | 'etcd'

/** A flag's bad value; undefined is the flag left out. */
type Weakness = readonly [id: string, part: Part, flag: string, value: string | undefined]

const weaknesses: readonly Weakness[] = [
  ['1.2.2', 'apiServer', 'token-auth-file', '/etc/tokens.csv'],
  ['1.2.4', 'apiServer', 'kubelet-client-certificate', undefined],
  ['1.2.4', 'apiServer', 'kubelet-client-key', '/no/such/key'],
  ['1.2.5', 'apiServer', 'kubelet-certificate-authority', undefined],
  ['1.2.6', 'apiServer', 'authorization-mode', undefined],
  ['1.2.6', 'apiServer', 'authorization-mode', 'RBAC,AlwaysAllow'],
  ['1.2.7', 'apiServer', 'authorization-mode', 'RBAC'],
  ['1.2.8', 'apiServer', 'authorization-mode', 'Node'],
  ['1.2.9', 'apiServer', 'enable-admission-plugins', 'NodeRestriction'],
  ['1.2.10', 'apiServer', 'enable-admission-plugins', 'NodeRestriction,AlwaysAdmit'],
  ['1.2.12', 'apiServer', 'disable-admission-plugins', 'ServiceAccount'],
  ['1.2.13', 'apiServer', 'disable-admission-plugins', 'NamespaceLifecycle'],
  ['1.2.14', 'apiServer', 'enable-admission-plugins', 'EventRateLimit'],
  ['1.2.15', 'apiServer', 'profiling', undefined],
  ['1.2.16', 'apiServer', 'audit-log-path', undefined],
  ['1.2.17', 'apiServer', 'audit-log-maxage', '29'],
  ['1.2.18', 'apiServer', 'audit-log-maxbackup', undefined],
  ['1.2.19', 'apiServer', 'audit-log-maxsize', '99'],
  ['1.2.20', 'apiServer', 'request-timeout', '0s'],
  ['1.2.20', 'apiServer', 'request-timeout', '1h'],
  ['1.2.21', 'apiServer', 'service-account-lookup', 'false'],
  ['1.2.22', 'apiServer', 'service-account-key-file', undefined],
  ['1.2.23', 'apiServer', 'etcd-certfile', undefined],
  ['1.2.23', 'apiServer', 'etcd-keyfile', undefined],
  ['1.2.24', 'apiServer', 'tls-cert-file', undefined],
  ['1.2.24', 'apiServer', 'tls-private-key-file', undefined],
  ['1.2.25', 'apiServer', 'client-ca-file', undefined],
  ['1.2.26', 'apiServer', 'etcd-cafile', undefined],
  ['1.2.27', 'apiServer', 'encryption-provider-config', undefined],
  ['1.2.28', 'apiServer', 'encryption-provider-config', undefined],
  ['1.2.29', 'apiServer', 'tls-cipher-suites', undefined],
  ['1.2.29', 'apiServer', 'tls-cipher-suites', 'TLS_RSA_WITH_AES_128_CBC_SHA'],
  ['1.2.30', 'apiServer', 'service-account-extend-token-expiration', undefined],
  ['1.3.1', 'controllerManager', 'terminated-pod-gc-threshold', undefined],
  ['1.3.2', 'controllerManager', 'profiling', 'true'],
  ['1.3.3', 'controllerManager', 'use-service-account-credentials', 'false'],
  ['1.3.4', 'controllerManager', 'service-account-private-key-file', undefined],
  ['1.3.5', 'controllerManager', 'root-ca-file', undefined],
  ['1.3.6', 'controllerManager', 'feature-gates', 'RotateKubeletServerCertificate=false'],
  ['1.4.1', 'scheduler', 'profiling', undefined],
  ['2.1', 'etcd', 'cert-file', undefined],
  ['2.1', 'etcd', 'key-file', undefined],
  ['2.2', 'etcd', 'client-cert-auth', 'false'],
  ['2.3', 'etcd', 'auto-tls', 'true'],
  ['2.6', 'etcd', 'peer-auto-tls', 'true'],
  ['2.7', 'etcd', 'trusted-ca-file', undefined],
  ['3.2.1', 'apiServer', 'audit-policy-file', undefined],
  ['3.2.2', 'apiServer', 'audit-policy-file', undefined],
]

/** The process as it is, but for one flag. */
const withFlag = (process: ProcessEvidence, flag: string, value: string | undefined): ProcessEvidence => {
  const flags = new Map(process.flags)
  if (value === undefined) flags.delete(flag)
  else flags.set(flag, value)
  return { ...process, flags }
}

const withListener = (process: ProcessEvidence, address: string, port: number): ProcessEvidence => ({
  ...process,
  listeners: () => [...process.listeners(), { address, port }],
})

export const describeFlags = (running: Running): void => {
  describe('the CIS benchmark of processes', () => {
    let evidence: Evidence
    const partOf = (part: Part): ProcessEvidence => {
      const process = evidence[part]
      if (process === undefined) throw new Error(`no ${part}`)
      return process
    }
    before(() => {
      evidence = gatherEvidence(running().layout)
    })

    it('reads the flags and doors of running processes', () => {
      const { apiServer, etcd } = evidence
      assert.equal(apiServer.flags.get('authorization-mode'), 'Node,RBAC')
      assert.equal(etcd?.flags.get('data-dir'), evidence.layout.etcd)
      const { etcdPort, etcdMetricsPort, apiServerPort } = evidence.config.controlPlane
      const doors = etcd?.listeners().map(({ address, port }) => `${address}:${port}`)
      assert.deepEqual(doors?.toSorted(), [`127.0.0.1:${etcdPort}`, `127.0.0.1:${etcdMetricsPort}`].toSorted())
      assert.deepEqual(apiServer.listeners(), [{ address: '0.0.0.0', port: apiServerPort }])
    })

    for (const [id, part, flag, value] of weaknesses) {
      it(`fails ${id} ${value === undefined ? `without --${flag}` : `with --${flag}=${value}`}`, async () => {
        const weakened = { ...evidence, [part]: withFlag(partOf(part), flag, value) }
        assert.equal((await verdictOf(id, weakened)).type, 'fail')
        assert.equal((await verdictOf(id, evidence)).type, 'pass')
      })
    }

    it('fails where a door is open that should not be', async () => {
      const open = (part: Part, port: number): Evidence => ({
        ...evidence,
        [part]: withListener(partOf(part), '0.0.0.0', port),
      })
      assert.equal((await verdictOf('1.3.7', open('controllerManager', 10_257))).type, 'fail')
      assert.equal((await verdictOf('1.4.2', open('scheduler', 10_259))).type, 'fail')
      assert.equal((await verdictOf('2.1', open('etcd', 2379))).type, 'fail')
      assert.equal((await verdictOf('2.4', open('etcd', 2380))).type, 'fail')
      assert.equal((await verdictOf('2.5', open('etcd', 2380))).type, 'fail')
      const nodes = evidence.nodes.map((node) => ({
        ...node,
        kubelet: withListener(node.kubelet, '0.0.0.0', 10_255),
        proxy: withListener(node.proxy, '::', 10_249),
      }))
      assert.equal((await verdictOf('4.2.4', { ...evidence, nodes })).type, 'fail')
      assert.equal((await verdictOf('4.3.1', { ...evidence, nodes })).type, 'fail')
    })

    it('fails where a node does not enforce network policies', async () => {
      const nodes = evidence.nodes.map((node) => ({
        ...node,
        proxy: withFlag(node.proxy, 'policy-kubeconfig', undefined),
      }))
      assert.equal((await verdictOf('5.3.1', { ...evidence, nodes })).type, 'fail')
      assert.equal((await verdictOf('5.3.1', evidence)).type, 'pass')
    })

    // In the file a zero is not set at all, as upstream has it: it takes the flag.
    it('fails where idle streams of a kubelet are never cut', async () => {
      const flag = 'streaming-connection-idle-timeout'
      const nodes = evidence.nodes.map((node) => ({ ...node, kubelet: withFlag(node.kubelet, flag, '0s') }))
      assert.equal((await verdictOf('4.2.5', { ...evidence, nodes })).type, 'fail')
      assert.equal((await verdictOf('4.2.5', evidence)).type, 'pass')
    })

    it('fails a check that cannot look', async () => {
      const nowhere = { ...evidence, server: 'https://127.0.0.1:1' }
      assert.equal((await verdictOf('1.2.1', nowhere)).type, 'fail')
    })
  })
}
