import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { describe, it } from 'node:test'
import {
  createCertificateRequest,
  generateEcKey,
  readCertificateRequest,
  requestSubject,
} from './certificate-request.ts'
import { element, oid, sequence, tags } from './der.ts'
import { decodeSubject } from './names.ts'

const subject = {
  commonName: 'system:node:node-1',
  organizations: ['system:nodes'],
  dnsNames: ['node-1', 'node-1.example'],
  ips: ['172.30.0.11', 'fd00::1:2', '::ffff:10.0.0.1'],
}

describe('createCertificateRequest', () => {
  it('asks for names and addresses, which the signer reads', async () => {
    const csr = createCertificateRequest(await generateEcKey(), subject)
    const { commonName, organizations, dnsNames, ips } = readCertificateRequest(csr)
    assert.deepEqual(
      [commonName, organizations, dnsNames],
      [subject.commonName, subject.organizations, subject.dnsNames],
    )
    assert.deepEqual(ips, [
      '172.30.0.11',
      'fd00:0000:0000:0000:0000:0000:0001:0002',
      '0000:0000:0000:0000:0000:ffff:0a00:0001',
    ])
    assert.deepEqual(requestSubject(csr), { commonName, organizations })
  })

  it('is what openssl takes for a request, with an RSA key too', async () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' })
    for (const key of [await generateEcKey(), rsa as string]) {
      const input = createCertificateRequest(key, subject)
      const text = execFileSync('openssl', ['req', '-verify', '-noout', '-text'], {
        input,
        encoding: 'utf8',
        stdio: 'pipe',
      })
      assert.match(text, /Subject: O = system:nodes, CN = system:node:node-1/)
      assert.match(text, /DNS:node-1, DNS:node-1.example, IP Address:172.30.0.11, IP Address:FD00:0:0:0:0:0:1:2/)
    }
  })

  it('cannot ask for a name in letters that only others can read', () => {
    const organization = (tag: number, content: Buffer): Buffer =>
      element(tags.set, sequence(oid('55040a'), element(tag, content)))
    const ascii = Buffer.from('system:masters')
    const wide = (bytes: number): Buffer =>
      Buffer.concat([...ascii].map((letter) => Buffer.concat([Buffer.alloc(bytes - 1), Buffer.from([letter])])))
    for (const [tag, content] of [
      [tags.utf8, ascii],
      [tags.printable, ascii],
      [tags.t61, ascii],
      [tags.ia5, ascii],
      [tags.bmpString, wide(2)],
    ] as const) {
      assert.deepEqual(decodeSubject(organization(tag, content)).organizations, ['system:masters'])
    }
    const universalString = 0x1c
    for (const [tag, content] of [
      [universalString, wide(4)],
      [tags.octets, ascii],
      [tags.bmpString, ascii.subarray(1)],
      [tags.utf8, Buffer.from([0xff])],
    ] as const) {
      assert.throws(() => decodeSubject(organization(tag, content)), /asn1: structure error/)
    }
  })

  it('asks for no names where there are none', async () => {
    const csr = createCertificateRequest(await generateEcKey(), { commonName: 'a', organizations: [] })
    assert.deepEqual(readCertificateRequest(csr).dnsNames, [])
  })

  it('notices what was changed after it was signed', async () => {
    const csr = createCertificateRequest(await generateEcKey(), subject)
    const der = Buffer.from(csr.replace(/-----[^-]+-----/g, ''), 'base64')
    der.write('system:node:node-2', der.indexOf('system:node:node-1'))
    const forged = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`
    assert.throws(() => readCertificateRequest(forged), /signature of the certificate request is wrong/)
  })

  it('refuses what is no address', async () => {
    const key = await generateEcKey()
    assert.throws(() => createCertificateRequest(key, { ...subject, ips: ['node-1'] }), /node-1 is not an IP address/)
  })
})
