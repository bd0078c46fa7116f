import assert from 'node:assert/strict'
import { webcrypto } from 'node:crypto'
import { describe, it } from 'node:test'
import 'reflect-metadata'
import { X509CertificateGenerator } from '@peculiar/x509'
import type { ApiRequest } from '../server/message.ts'
import { audienceAgnostic, bearerToken, noNotes, type TokenAuthenticator, unionAuthenticator } from './authenticator.ts'
import { uidOfCertificate } from './certificate-uid.ts'
import { tokenFile } from './token-file.ts'
import type { UserInfo } from './user.ts'
import { webSocketToken } from './websocket-token.ts'

const user = (name: string): UserInfo => ({ name, uid: '', groups: [], extra: {} })

/** Knows the token `good`, and refuses `old`. */
const tokens: TokenAuthenticator = async (token) => {
  if (token === 'old') throw new Error('token has expired')
  return token === 'good' ? user('ann') : undefined
}

const request = (headers: Readonly<Record<string, string>>): ApiRequest =>
  ({
    headers: { ...headers },
    headersDistinct: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]])),
    rawHeaders: Object.entries(headers).flat(),
  }) as unknown as ApiRequest

describe('bearer tokens', () => {
  const cases: readonly (readonly [header: string, result: string | undefined])[] = [
    ['Bearer good', 'ann'],
    ['bearer good', 'ann'],
    ['  Bearer good ', 'ann'],
    ['Bearer good trailing', 'ann'],
    ['Bearer bad', 'invalid'],
    ['Basic good', undefined],
    ['Bearer', undefined],
    ['Bearer  good', undefined],
  ]
  for (const [header, wanted] of cases) {
    it(`${JSON.stringify(header)} is ${wanted ?? 'no token'}`, async () => {
      const warnings: string[] = []
      const notes = { ...noNotes, warn: (text: string) => void warnings.push(text) }
      const found = await bearerToken([tokens])(request({ authorization: header }), notes)
      assert.equal(typeof found === 'object' ? found.name : found, wanted)
      assert.equal(warnings.length, header.includes('  g') ? 1 : 0)
    })
  }

  it('are 401 with the reason for the log alone when nobody takes them', async () => {
    const authenticator = unionAuthenticator([bearerToken([tokens])])
    for (const [token, reason] of [
      ['old', 'token has expired'],
      ['bad', undefined],
    ]) {
      await assert.rejects(
        authenticator.authenticate(request({ authorization: `Bearer ${token}` }), noNotes),
        (error: Error) => error.message === 'Unauthorized' && (error.cause as Error | undefined)?.message === reason,
      )
    }
  })

  it('without an audience are for the API alone', async () => {
    const agnostic = audienceAgnostic(['api'], tokens)
    assert.equal((await agnostic('good'))?.name, 'ann')
    assert.equal((await agnostic('good', { audiences: ['api', 'other'] }))?.name, 'ann')
    assert.equal(await agnostic('good', { audiences: ['other'] }), undefined)
  })
})

describe('tokens among WebSocket subprotocols', () => {
  const offer = (...protocols: string[]) =>
    request({ connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-protocol': protocols.join(', ') })
  const encoded = (token: string): string =>
    `base64url.bearer.authorization.k8s.io.${Buffer.from(token).toString('base64url')}`
  const authenticate = webSocketToken([tokens])

  it('are taken, and taken out', async () => {
    const asked = offer(encoded('good'), 'v4.channel.k8s.io')
    const found = await authenticate(asked, noNotes)
    assert.equal(typeof found === 'object' ? found.name : found, 'ann')
    assert.equal(asked.headers['sec-websocket-protocol'], 'v4.channel.k8s.io')
    assert.ok(!asked.rawHeaders.join().includes('base64url.bearer'))
  })

  const refused: readonly (readonly [what: string, asked: ApiRequest])[] = [
    ['a token that nobody knows', offer(encoded('bad'), 'v4.channel.k8s.io')],
    ['two tokens', offer(encoded('good'), encoded('good'), 'v4.channel.k8s.io')],
    ['a token alone', offer(encoded('good'))],
    ['what is no base64url', offer('base64url.bearer.authorization.k8s.io.a=b', 'v4.channel.k8s.io')],
    ['what is no UTF-8', offer('base64url.bearer.authorization.k8s.io._w', 'v4.channel.k8s.io')],
  ]
  for (const [what, asked] of refused) {
    it(`refuses ${what}`, async () => assert.equal(await authenticate(asked, noNotes), 'invalid'))
  }

  it('are nothing to requests that ask for no WebSocket', async () => {
    const plain = request({ 'sec-websocket-protocol': `${encoded('good')}, x` })
    assert.equal(await authenticate(plain, noNotes), undefined)
    assert.equal(await authenticate(offer('v4.channel.k8s.io'), noNotes), undefined)
  })
})

describe('the token file', () => {
  const text = 't1,ann,u1,"devs,ops"\n\nt2,"bob ""b""",u2\r\n,nobody,u3\nt1,late,u4,g\n'

  it('knows tokens, users, uids and groups', async () => {
    const find = tokenFile(text, 'tokens.csv')
    assert.deepEqual(await find('t2'), { name: 'bob "b"', uid: 'u2', groups: [], extra: {} })
    assert.deepEqual(await find('t1'), { name: 'late', uid: 'u4', groups: ['g'], extra: {} })
    assert.deepEqual((await tokenFile('t1,ann,u1,"devs,ops"', '')('t1'))?.groups, ['devs', 'ops'])
    assert.equal(await find(''), undefined)
    assert.equal(await find('t3'), undefined)
  })

  it('is refused where a line is too short', () => {
    assert.throws(() => tokenFile('t1,ann\n', 'tokens.csv'), {
      message: "token file 'tokens.csv' must have at least 3 columns (token, user name, user uid), found 2",
    })
  })
})

describe("the uid in a certificate's subject", () => {
  const certificate = async (subject: string): Promise<Buffer> => {
    const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
    const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair
    const made = await X509CertificateGenerator.create({
      subject,
      issuer: 'CN=ca, 1.3.6.1.4.1.57683.2=not-mine',
      signingAlgorithm: algorithm,
      publicKey: keys.publicKey,
      signingKey: keys.privateKey,
    })
    return Buffer.from(made.rawData)
  }

  it('is found where it is one, and only there', async () => {
    assert.equal(uidOfCertificate(await certificate('CN=ann, O=devs, 1.3.6.1.4.1.57683.2=uid-1')), 'uid-1')
    assert.equal(uidOfCertificate(await certificate('CN=ann, O=devs')), '')
  })

  it('must be one', async () => {
    const two = await certificate('CN=ann, 1.3.6.1.4.1.57683.2=a, 1.3.6.1.4.1.57683.2=b')
    assert.throws(() => uidOfCertificate(two), { message: 'expected 1 UID, but found multiple: [a b]' })
  })
})
