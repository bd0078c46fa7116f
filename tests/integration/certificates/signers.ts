/** CertificateSigningRequests of people, by kubectl, and what each of upstream's signers makes of them. */
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { before, describe, it } from 'node:test'
import { certificateSigningRequests, pods } from '../../../api/resources.ts'
import type { CertificateSigningRequest } from '../../../api/types.ts'
import {
  createCertificateRequest,
  generateEcKey,
  type RequestedSubject,
} from '../../../component-base/pki/certificate-request.ts'
import type { TestCluster } from '../../harness/cluster.ts'
import { createHttp } from '../../harness/http.ts'
import { waitFor } from '../../harness/wait.ts'

const node = { commonName: 'system:node:somebody', organizations: ['system:nodes'] }
const clientUsages = ['digital signature', 'client auth']
const servingUsages = ['digital signature', 'server auth']

export const describeSigners = (running: () => TestCluster): void => {
  describe('the signer', () => {
    let cluster: TestCluster
    let number = 0

    before(() => {
      cluster = running()
    })

    const ask = async (
      signer: string,
      subject: RequestedSubject,
      usages: readonly string[],
      more: Partial<CertificateSigningRequest['spec']> = {},
    ): Promise<{ name: string; key: string }> => {
      const key = await generateEcKey()
      const name = `asked-${++number}`
      const request = Buffer.from(createCertificateRequest(key, subject)).toString('base64')
      const spec = { request, signerName: `kubernetes.io/${signer}`, usages: [...usages], ...more }
      await cluster.client.create(certificateSigningRequests, { metadata: { name }, spec })
      return { name, key }
    }
    const statusOf = async (name: string): Promise<NonNullable<CertificateSigningRequest['status']>> =>
      (await cluster.client.get(certificateSigningRequests, name)).status ?? {}
    const certificateOf = (name: string): Promise<string> =>
      waitFor(
        async () => {
          const { certificate } = await statusOf(name)
          return certificate === undefined ? undefined : Buffer.from(certificate, 'base64').toString()
        },
        { what: `the certificate of ${name}` },
      )
    const failureOf = (name: string) =>
      waitFor(async () => (await statusOf(name)).conditions?.find(({ type }) => type === 'Failed'), {
        what: `the failure of ${name}`,
      })
    const approve = (name: string): Promise<string> => cluster.kubectl('certificate', 'approve', name)

    it('kube-apiserver-client signs what an administrator approved, and the certificate logs in', async () => {
      const { name, key } = await ask(
        'kube-apiserver-client',
        { commonName: 'jane', organizations: ['dev'] },
        clientUsages,
      )
      assert.match(await cluster.kubectl('get', 'csr', name), /kubernetes-admin +<none> +Pending/)
      assert.match(await approve(name), new RegExp(`certificatesigningrequest.certificates.k8s.io/${name} approved`))
      const cert = await certificateOf(name)
      assert.match(await cluster.kubectl('get', 'csr', name), /Approved,Issued/)
      const jane = createHttp(cluster, { cert, key })
      assert.match((await jane('/api/v1/nodes')).status.message ?? '', /User "jane" cannot list resource "nodes"/)
      const { validFromDate, validToDate } = new X509Certificate(cert)
      // The signing duration of this cluster, and five minutes for clocks that differ.
      assert.equal((validToDate.getTime() - validFromDate.getTime()) / 1000, 360)
      assert.match(new X509Certificate(cert).keyUsage?.join() ?? '', /1\.3\.6\.1\.5\.5\.7\.3\.2/)
    })

    it('never signs what was denied', async () => {
      const { name } = await ask('kube-apiserver-client', { commonName: 'jane', organizations: [] }, clientUsages)
      assert.match(await cluster.kubectl('certificate', 'deny', name), / denied/)
      assert.match(await cluster.kubectl('get', 'csr', name), /Denied/)
      const denied = await cluster.client.get(certificateSigningRequests, name)
      const approval = { type: 'Approved', status: 'True', reason: 'Anyway' }
      const conditions = [...(denied.status?.conditions ?? []), approval]
      const both = { ...denied, status: { ...denied.status, conditions } } as CertificateSigningRequest
      await assert.rejects(
        cluster.client.update(certificateSigningRequests, both, { subresource: 'approval' }),
        /Approved and Denied conditions are mutually exclusive/,
      )
      assert.equal((await statusOf(name)).certificate, undefined)
    })

    const refusals: readonly (readonly [string, string, RequestedSubject, readonly string[], RegExp])[] = [
      [
        'kube-apiserver-client refuses to make servers',
        'kube-apiserver-client',
        { commonName: 'a', organizations: [] },
        servingUsages,
        /^invalid usage for client certificate: server auth$/,
      ],
      [
        'kube-apiserver-client wants client auth',
        'kube-apiserver-client',
        { commonName: 'a', organizations: [] },
        ['digital signature'],
        /^missing required usage for client certificate: client auth$/,
      ],
      [
        'kube-apiserver-client-kubelet signs for nodes alone',
        'kube-apiserver-client-kubelet',
        { commonName: 'jane', organizations: ['system:nodes'] },
        clientUsages,
        /^subject common name does not begin with system:node: $/,
      ],
      [
        'kube-apiserver-client-kubelet signs no names',
        'kube-apiserver-client-kubelet',
        { ...node, dnsNames: ['somebody'] },
        clientUsages,
        /^DNS subjectAltNames are not allowed$/,
      ],
      [
        'kubelet-serving wants a name to serve under',
        'kubelet-serving',
        node,
        servingUsages,
        /^DNS or IP subjectAltName is required$/,
      ],
      [
        'kubelet-serving makes no clients',
        'kubelet-serving',
        { ...node, dnsNames: ['somebody'] },
        clientUsages,
        /^usages did not match \[digital signature key encipherment server auth\]$/,
      ],
      [
        'kubelet-serving takes no other organization',
        'kubelet-serving',
        { ...node, organizations: ['system:nodes', 'system:masters'], dnsNames: ['somebody'] },
        servingUsages,
        /^subject organization is not system:nodes$/,
      ],
    ]
    for (const [what, signer, subject, usages, message] of refusals) {
      it(what, async () => {
        const { name } = await ask(signer, subject, usages)
        await approve(name)
        const failed = await failureOf(name)
        assert.equal(failed.reason, 'SignerValidationFailure')
        assert.match(failed.message ?? '', message)
        assert.match(await cluster.kubectl('get', 'csr', name), /Approved,Failed/)
        assert.equal((await statusOf(name)).certificate, undefined)
      })
    }

    it('kubelet-serving is approved by nobody but who knows the node', async () => {
      const { name } = await ask('kubelet-serving', { ...node, dnsNames: ['somebody'] }, servingUsages)
      // One that the launcher does approve comes later, and is issued.
      const { name: other } = await ask('kube-apiserver-client', { commonName: 'b', organizations: [] }, clientUsages)
      await approve(other)
      await certificateOf(other)
      assert.deepEqual((await statusOf(name)).conditions ?? [], [])
    })

    it('signs for no longer than asked, and for ten minutes at least is asked', async () => {
      const subject = { commonName: 'a', organizations: [] }
      await assert.rejects(
        ask('kube-apiserver-client', subject, clientUsages, { expirationSeconds: 599 }),
        /spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 600 seconds \(10 minutes\)/,
      )
      // More than the cluster gives is cut.
      const { name } = await ask('kube-apiserver-client', subject, clientUsages, { expirationSeconds: 3600 })
      await approve(name)
      const { validFromDate, validToDate } = new X509Certificate(await certificateOf(name))
      assert.equal((validToDate.getTime() - validFromDate.getTime()) / 1000, 360)
    })

    it('is asked nothing that is no request, or that another key signed', async () => {
      const request = createCertificateRequest(await generateEcKey(), { commonName: 'alice', organizations: [] })
      const der = Buffer.from(request.replace(/-----[^-]+-----/g, ''), 'base64')
      der.write('mallo', der.indexOf('alice'))
      const block = (bytes: Buffer): string =>
        `-----BEGIN CERTIFICATE REQUEST-----\n${bytes.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`
      for (const [text, problem] of [
        ['nothing', /spec.request: Invalid value: .*PEM block type must be CERTIFICATE REQUEST/],
        [block(Buffer.from('nonsense')), /spec.request: Invalid value: .*asn1: structure error/],
        [block(der), /spec.request: Invalid value: .*signature of the certificate request is wrong/],
      ] as const) {
        const spec = {
          request: Buffer.from(text).toString('base64'),
          signerName: 'kubernetes.io/kube-apiserver-client',
          usages: [...clientUsages],
        }
        await assert.rejects(
          cluster.client.create(certificateSigningRequests, { metadata: { generateName: 'bad-' }, spec }),
          problem,
        )
      }
    })

    it('is not asked by Pods: sources of volumes behind gates that are off are dropped, as upstream drops them', async () => {
      const sources = [
        { clusterTrustBundle: { name: 'some', path: 'ca.pem' } },
        { podCertificate: { signerName: 'example.com/s', keyType: 'ED25519', credentialBundlePath: 'c.pem' } },
      ]
      for (const source of sources) {
        const pod = cluster.client.create(pods, {
          metadata: { name: 'projected', namespace: 'default' },
          spec: {
            nodeName: 'nowhere',
            containers: [{ name: 'main', image: 'none:1' }],
            volumes: [{ name: 'all', projected: { sources: [source] } }],
          },
        })
        await assert.rejects(pod, /projected.sources\[0\]: Required value: must specify at least 1 source type/)
      }
    })

    it('legacy-unknown is no signer of this version of the API', async () => {
      await assert.rejects(
        ask('legacy-unknown', { commonName: 'a', organizations: [] }, clientUsages),
        /the legacy signerName is not allowed via this API version/,
      )
    })
  })
}
