import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { writeKubeconfig } from './kubeconfig.ts'
import { type CertificateSpec, ensureCa, ensureCertificate, ensurePki, type PkiSpec } from './store.ts'

const apiserver: CertificateSpec = {
  file: 'apiserver',
  ca: 'ca',
  commonName: 'kube-apiserver',
  dnsNames: ['kubernetes', 'kubernetes.default.svc.cluster.local'],
  ips: ['10.96.0.1', '::1'],
  usages: ['server'],
  days: 365,
}
const admin: CertificateSpec = {
  file: 'admin',
  ca: 'ca',
  commonName: 'kubernetes-admin',
  organizations: ['kubeadm:cluster-admins'],
  usages: ['client'],
  days: 365,
}
const spec: PkiSpec = {
  authorities: [{ file: 'ca', commonName: 'kubernetes' }],
  certificates: [apiserver, admin],
  keyPairs: ['sa'],
}

describe('ensurePki', () => {
  let dir = ''
  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'kubets-pki-'))
    await ensurePki(dir, spec)
  })
  after(() => rmSync(dir, { recursive: true, force: true }))
  const read = (file: string): string => readFileSync(join(dir, file), 'utf8')
  const mode = (file: string): number => statSync(join(dir, file)).mode & 0o777

  it('makes certificates that openssl accepts for their purpose, with the asked names', () => {
    const verify = (file: string, purpose: string): string =>
      execFileSync('openssl', ['verify', '-purpose', purpose, '-CAfile', join(dir, 'ca.crt'), join(dir, file)], {
        encoding: 'utf8',
        stdio: 'pipe',
      })
    assert.match(verify('apiserver.crt', 'sslserver'), /OK/)
    assert.match(verify('admin.crt', 'sslclient'), /OK/)
    assert.throws(() => verify('admin.crt', 'sslserver'))
    const cert = new X509Certificate(read('apiserver.crt'))
    assert.ok(cert.checkHost('kubernetes.default.svc.cluster.local'))
    assert.ok(cert.checkIP('10.96.0.1'))
    assert.equal(new X509Certificate(read('admin.crt')).subject, 'O=kubeadm:cluster-admins\nCN=kubernetes-admin')
  })

  it('keeps keys to their owner', () => {
    for (const file of ['ca.key', 'apiserver.key', 'admin.key', 'sa.key']) assert.equal(mode(file), 0o600, file)
    assert.equal(mode('ca.crt'), 0o644)
  })

  it('changes nothing the second time', async () => {
    const files = ['ca.crt', 'ca.key', 'apiserver.crt', 'apiserver.key', 'admin.crt', 'sa.key', 'sa.pub']
    const contents = files.map(read)
    await ensurePki(dir, spec)
    assert.deepEqual(files.map(read), contents)
  })

  it('issues anew when a name is missing, and keeps the CA', async () => {
    const [ca, old] = [read('ca.crt'), read('apiserver.crt')]
    await ensureCertificate(dir, { ...apiserver, ips: ['10.96.0.1', '192.0.2.7'] })
    assert.notEqual(read('apiserver.crt'), old)
    assert.ok(new X509Certificate(read('apiserver.crt')).checkIP('192.0.2.7'))
    assert.equal(read('ca.crt'), ca)
  })

  it('issues anew what ends within 30 days', async () => {
    await ensureCertificate(dir, { ...admin, file: 'short', days: 29 })
    const old = read('short.crt')
    await ensureCertificate(dir, { ...admin, file: 'short' })
    assert.notEqual(read('short.crt'), old)
  })

  it('issues anew where a crash left a new key beside an old certificate', async () => {
    const old = read('admin.crt')
    writeFileSync(join(dir, 'admin.key'), read('apiserver.key'))
    await ensureCertificate(dir, admin)
    assert.notEqual(read('admin.crt'), old)
    assert.ok(execFileSync('openssl', ['pkey', '-in', join(dir, 'admin.key'), '-pubout'], { encoding: 'utf8' }))
  })

  it('does not overwrite a CA whose key is kept elsewhere', async () => {
    mkdirSync(join(dir, 'external'))
    writeFileSync(join(dir, 'external', 'ca.crt'), read('ca.crt'))
    await assert.rejects(ensureCa(join(dir, 'external'), 'ca', 'kubernetes'), /exists without its key/)
  })

  it('signs with an RSA authority as kubeadm makes it', async () => {
    const rsa = join(dir, 'rsa')
    mkdirSync(rsa)
    const [key, cert] = [join(rsa, 'ca.key'), join(rsa, 'ca.crt')]
    const options = ['-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=kubernetes', '-days', '90']
    execFileSync('openssl', ['req', ...options, '-keyout', key, '-out', cert], { stdio: 'ignore' })
    await ensureCertificate(rsa, admin)
    const issued = new X509Certificate(readFileSync(join(rsa, 'admin.crt')))
    assert.ok(issued.verify(new X509Certificate(readFileSync(cert)).publicKey))
  })

  it('writes a kubeconfig for its owner only, and again only when it changed', () => {
    const path = join(dir, 'admin.conf')
    const content = { cluster: 'c', user: 'u', server: 'https://h:1', caPem: 'a', certPem: 'b', keyPem: 'c' }
    writeKubeconfig(path, content)
    assert.equal(mode('admin.conf'), 0o600)
    const { ino } = statSync(path)
    writeKubeconfig(path, content)
    assert.equal(statSync(path).ino, ino)
    writeKubeconfig(path, { ...content, server: 'https://h:2' })
    assert.match(read('admin.conf'), /server: https:\/\/h:2/)
  })
})
