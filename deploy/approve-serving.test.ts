import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { CertificateSigningRequest } from '../api/types.ts'
import {
  createCertificateRequest,
  generateEcKey,
  type RequestedSubject,
} from '../component-base/pki/certificate-request.ts'
import { servingProblem } from './approve-serving.ts'
import type { NodeConfig } from './cluster-config.ts'

const nodes = [
  { name: 'node-1', addresses: ['172.30.0.11', 'fd00:172:30::b'] },
  { name: 'node-2', addresses: ['172.30.0.12', 'fd00:172:30::c'] },
] as unknown as NodeConfig[]
const key = await generateEcKey()
const own = {
  commonName: 'system:node:node-1',
  organizations: ['system:nodes'],
  dnsNames: ['node-1'],
  ips: ['172.30.0.11', 'fd00:172:30::b'],
}
const usages = ['digital signature', 'server auth']

const aRequest = (
  subject: RequestedSubject,
  spec: Partial<CertificateSigningRequest['spec']> = {},
): CertificateSigningRequest => ({
  metadata: { name: 'csr-1' },
  spec: {
    signerName: 'kubernetes.io/kubelet-serving',
    username: 'system:node:node-1',
    groups: ['system:nodes', 'system:authenticated'],
    usages,
    request: Buffer.from(createCertificateRequest(key, subject)).toString('base64'),
    ...spec,
  },
})

describe('servingProblem', () => {
  it('finds none in a node’s request for its own name and address', () => {
    assert.equal(servingProblem(aRequest(own), nodes), undefined)
  })

  const refusals: readonly (readonly [string, CertificateSigningRequest, RegExp])[] = [
    ['the address of another node', aRequest({ ...own, ips: ['172.30.0.12'] }), /172.30.0.12 is not an address/],
    ['the name of a Service', aRequest({ ...own, dnsNames: ['node-1', 'kubernetes.default'] }), /is not a name/],
    ['the name of another node', aRequest({ ...own, commonName: 'system:node:node-2' }), /for system:node:node-2/],
    ['more organizations', aRequest({ ...own, organizations: ['system:nodes', 'a'] }), /organization/],
    ['a client certificate', aRequest(own, { usages: ['client auth'] }), /more than serving/],
    ['a stranger', aRequest(own, { username: 'system:node:node-3' }), /no node of the cluster file/],
    ['a user who only calls himself so', aRequest(own, { groups: ['system:authenticated'] }), /not in system:nodes/],
    ['what is no request', aRequest(own, { request: Buffer.from('nonsense').toString('base64') }), /cannot be read/],
  ]
  for (const [what, request, problem] of refusals) {
    it(`refuses ${what}`, () => assert.match(servingProblem(request, nodes) ?? '', problem))
  }
})
