/** Plugins that ask the authorizer, or look at certificates: signers, subjects, owners; and external addresses. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { KubeObject } from '../../../api/types.ts'
import type { Attributes, Authorizer } from '../../authorization/authorizer.ts'
import { type AdmissionFixture, createAdmissionFixture } from '../admission-fixture.ts'
import { alwaysAdmit, alwaysDeny } from './always.ts'
import { certificateSubjectRestriction } from './certificate-subject-restriction.ts'
import { denyServiceExternalIps } from './deny-service-external-ips.ts'
import { ownerReferencesPermissionEnforcement } from './owner-references-permission-enforcement.ts'
import { certificateApproval, certificateSigning, clusterTrustBundleAttest } from './signers.ts'

let fixture: AdmissionFixture
before(async () => {
  fixture = await createAdmissionFixture()
})
after(() => fixture[Symbol.dispose]())

const csrs = 'certificatesigningrequests.certificates.k8s.io'

/** Allows what is in the list, as `verb resource/subresource name`. */
const allowing = (...allowed: readonly string[]): Authorizer => ({
  authorize: ({ verb, resource, subresource, name }: Attributes) => {
    const asked = `${verb} ${resource}${subresource === '' ? '' : `/${subresource}`} ${name}`
    return { type: allowed.includes(asked) ? 'allow' : 'no-opinion', reason: '' }
  },
})

describe('CertificateApproval and CertificateSigning', () => {
  const csr = (status: object): KubeObject => ({
    metadata: { name: 'csr' },
    spec: { signerName: 'example.com/s' },
    status,
  })
  const update = (resource: string, status: object) => ({
    operation: 'UPDATE' as const,
    resource: `${csrs}/${resource}`,
    object: { ...csr(status), spec: { signerName: 'example.com/other' } } as KubeObject,
    oldObject: csr({}),
  })
  const approved = { conditions: [{ type: 'Approved', status: 'True' }] }

  it('ask for the signer by its name or its domain', async () => {
    const says = `${csrs} "csr" is forbidden: user not permitted to`
    for (const allowed of ['approve signers example.com/s', 'approve signers example.com/*'])
      assert.equal(await fixture.refusal(certificateApproval(allowing(allowed)), update('approval', approved)), '')
    assert.equal(
      await fixture.refusal(
        certificateApproval(allowing('approve signers example.com/other')),
        update('approval', approved),
      ),
      `${says} approve requests with signerName "example.com/s"`,
    )
    for (const status of [{ certificate: 'Y2VydA==' }, approved])
      assert.equal(
        await fixture.refusal(certificateSigning(allowing()), update('status', status)),
        `${says} sign requests with signerName "example.com/s"`,
      )
    assert.equal(
      await fixture.refusal(certificateSigning(allowing('sign signers example.com/*')), update('status', approved)),
      '',
    )
  })

  it('leave other writes alone', async () => {
    assert.equal(await fixture.refusal(certificateSigning(allowing()), update('status', {})), '')
    assert.equal(await fixture.refusal(certificateSigning(allowing()), update('approval', approved)), '')
    assert.equal(await fixture.refusal(certificateApproval(allowing()), update('status', approved)), '')
  })
})

describe('ClusterTrustBundleAttest', () => {
  it('demands permission to attest for the signer, except for housekeeping', async () => {
    // The kind itself is off by default: any resource carries the request here.
    const plugin = clusterTrustBundleAttest(allowing())
    const bundle = (metadata: object, spec: object = { signerName: 'example.com/s', trustBundle: 'x' }) =>
      ({ metadata: { name: 'b', ...metadata }, spec }) as KubeObject
    const attributes = (now: KubeObject, old?: KubeObject) => ({
      operation: old === undefined ? ('CREATE' as const) : ('UPDATE' as const),
      group: 'certificates.k8s.io',
      version: 'v1beta1',
      resource: 'clustertrustbundles',
      subresource: '',
      kind: { group: 'certificates.k8s.io', version: 'v1beta1', kind: 'ClusterTrustBundle' },
      namespace: '',
      name: 'b',
      object: now,
      oldObject: old,
      user: { name: 'u', uid: '', groups: [], extra: {} },
      dryRun: false,
      warn: () => {},
      annotate: () => {},
    })
    await assert.rejects(async () => plugin.validate?.(attributes(bundle({}))), {
      message:
        'clustertrustbundles.certificates.k8s.io "b" is forbidden: user not permitted to attest for signerName "example.com/s"',
    })
    await plugin.validate?.(attributes(bundle({}, { trustBundle: 'x' })))
    await plugin.validate?.(attributes(bundle({ finalizers: ['a'] }), bundle({})))
    await assert.rejects(async () => plugin.validate?.(attributes(bundle({ labels: { a: 'b' } }), bundle({}))))
  })
})

describe('CertificateSubjectRestriction', () => {
  it('lets nobody become a master through the signer of API clients', async () => {
    await import('reflect-metadata')
    const x509 = await import('@peculiar/x509')
    const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
    const keys = await crypto.subtle.generateKey(algorithm, false, ['sign', 'verify'])
    const csr = async (subject: string, signerName = 'kubernetes.io/kube-apiserver-client'): Promise<KubeObject> => {
      const pem = (
        await x509.Pkcs10CertificateRequestGenerator.create({ name: subject, keys, signingAlgorithm: algorithm })
      ).toString('pem')
      return { metadata: { name: 'csr' }, spec: { signerName, request: Buffer.from(pem).toString('base64') } }
    }
    const refusal = (object: KubeObject) => fixture.refusal(certificateSubjectRestriction, { resource: csrs, object })
    assert.equal(await refusal(await csr('CN=me, O=people')), '')
    assert.equal(
      await refusal(await csr('CN=me, O=people, O=system:masters')),
      `${csrs} "csr" is forbidden: use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed`,
    )
    assert.equal(await refusal(await csr('O=system:masters', 'example.com/s')), '')
    const broken = {
      metadata: { name: 'csr' },
      spec: { signerName: 'kubernetes.io/kube-apiserver-client', request: 'eA==' },
    }
    assert.equal(
      await refusal(broken),
      `${csrs} "csr" is forbidden: failed to parse CSR: PEM block type must be CERTIFICATE REQUEST`,
    )
  })
})

describe('OwnerReferencesPermissionEnforcement', () => {
  const owner = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd', uid: 'u' }
  const owned = (...ownerReferences: object[]): KubeObject =>
    ({ metadata: { name: 'c', namespace: 'ns', ownerReferences } }) as KubeObject
  const refusal = (allowed: readonly string[], now: KubeObject, old?: KubeObject, resource = 'configmaps') =>
    fixture.refusal(ownerReferencesPermissionEnforcement(allowing(...allowed), fixture.resources), {
      operation: old === undefined ? 'CREATE' : 'UPDATE',
      resource,
      object: now,
      ...(old === undefined ? {} : { oldObject: old }),
    })
  const says = (text: string): string => `configmaps "c" is forbidden: ${text}`

  it('demands permission to delete what changes its owners, but not of who creates it', async () => {
    assert.equal(await refusal([], owned(owner)), '')
    assert.equal(await refusal([], owned(), owned()), '')
    assert.equal(await refusal([], owned(owner), owned(owner)), '')
    assert.equal(
      await refusal([], owned(owner), owned()),
      says("cannot set an ownerRef on a resource you can't delete: , <nil>"),
    )
    assert.equal(await refusal(['delete configmaps c'], owned(owner), owned()), '')
    assert.equal(await refusal([], owned(owner), owned(), 'pods/status'), '')
  })

  it('demands permission on the owner’s finalizers of who blocks its deletion', async () => {
    const blocking = { ...owner, blockOwnerDeletion: true }
    const cannot = says(
      "cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: , <nil>",
    )
    assert.equal(await refusal([], owned(blocking)), cannot)
    assert.equal(await refusal(['update deployments/finalizers d'], owned(blocking)), '')
    assert.equal(await refusal(['update */finalizers *'], owned(blocking)), '')
    assert.equal(await refusal(['delete configmaps c'], owned(blocking), owned(owner)), cannot)
    assert.equal(await refusal(['delete configmaps c'], owned(owner), owned(blocking)), '')
    assert.equal(
      await refusal([], owned({ ...blocking, apiVersion: 'a.b/v1', kind: 'X' })),
      says(
        'cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion a.b/v1 Kind X: no matches for kind "X" in version "a.b/v1"',
      ),
    )
  })
})

describe('DenyServiceExternalIPs', () => {
  it('lets a Service keep addresses, and get none', async () => {
    const service = (...externalIPs: string[]): KubeObject => ({
      metadata: { name: 's', namespace: 'ns' },
      spec: { externalIPs },
    })
    const update = (now: KubeObject, old: KubeObject) =>
      fixture.refusal(denyServiceExternalIps, {
        operation: 'UPDATE',
        resource: 'services',
        object: now,
        oldObject: old,
      })
    const says = 'services "s" is forbidden: Use of external IPs is denied by admission control'
    assert.equal(await fixture.refusal(denyServiceExternalIps, { resource: 'services', object: service() }), '')
    assert.equal(
      await fixture.refusal(denyServiceExternalIps, { resource: 'services', object: service('192.0.2.1') }),
      says,
    )
    assert.equal(await update(service('192.0.2.1'), service('192.0.2.1', '192.0.2.2')), '')
    assert.equal(await update(service('192.0.2.3'), service('192.0.2.1')), says)
  })
})

describe('AlwaysAdmit and AlwaysDeny', () => {
  it('do what they say', async () => {
    const object = { metadata: { name: 'c', namespace: 'ns' } }
    assert.equal(await fixture.refusal(alwaysAdmit, { resource: 'configmaps', object }), '')
    assert.equal(
      await fixture.refusal(alwaysDeny, { resource: 'configmaps', object }),
      'configmaps "c" is forbidden: admission control is denying all modifications',
    )
  })
})
