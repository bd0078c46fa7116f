/** Tokens that were stolen, kept too long, or made by who has half of what is needed. */
import assert from 'node:assert/strict'
import { createHmac, createPrivateKey, type KeyObject, generateKeyPairSync, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import { pods } from '../../../api/resources.ts'
import type { TestCluster } from '../../harness/cluster.ts'
import { createHttp, type Http } from '../../harness/http.ts'

interface Claims {
  readonly iss: string
  readonly exp: number
  readonly 'kubernetes.io': Readonly<Record<string, { readonly name: string; readonly uid: string }>>
}

const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const decoded = (part: string | undefined): unknown => JSON.parse(Buffer.from(part ?? '', 'base64url').toString())

export const describeTokens = (running: () => TestCluster): void => {
  describe('a replayed or forged token', () => {
    let http: Http
    let key: KeyObject
    let head: { readonly alg: string }
    let claims: Claims
    let bound: Claims

    const signedBy = (by: KeyObject, body: object, header: object = head): string => {
      const text = `${encoded(header)}.${encoded(body)}`
      const options = by.asymmetricKeyType === 'ec' ? { key: by, dsaEncoding: 'ieee-p1363' as const } : { key: by }
      return `${text}.${sign('sha256', Buffer.from(text), options).toString('base64url')}`
    }
    const codeOf = async (token: string): Promise<number> =>
      (await http('/apis/authentication.k8s.io/v1/selfsubjectreviews', { method: 'POST', body: {}, token })).code

    before(async () => {
      const { kubectl, client, layout } = running()
      http = createHttp(running())
      key = createPrivateKey(readFileSync(join(layout.pki, 'sa.key'), 'utf8'))
      const [first, second] = (await kubectl('create', 'token', 'default')).trim().split('.')
      head = decoded(first) as { alg: string }
      claims = decoded(second) as Claims
      const spec = { schedulerName: 'nobody', containers: [{ name: 'main', image: 'none:1' }] }
      await client.create(pods, { metadata: { namespace: 'default', name: 'bearer' }, spec })
      const bind = ['--bound-object-kind=Pod', '--bound-object-name=bearer']
      bound = decoded((await kubectl('create', 'token', 'default', ...bind)).trim().split('.')[1]) as Claims
    })

    it('is let in as long as all of it is true', async () => {
      assert.equal(await codeOf(signedBy(key, claims)), 201)
      assert.equal(await codeOf(signedBy(key, bound)), 201)
    })

    const now = Math.floor(Date.now() / 1000)
    const other = { name: 'default', uid: '00000000-0000-0000-0000-000000000000' }
    const changes: Readonly<Record<string, () => object>> = {
      'has expired': () => ({ ...claims, exp: now - 60 }),
      'does not expire': () => ({ ...claims, exp: undefined }),
      'is not valid yet': () => ({ ...claims, nbf: now + 3600 }),
      'is of another issuer': () => ({ ...claims, iss: 'https://elsewhere.example.com' }),
      'is for another audience': () => ({ ...claims, aud: ['https://elsewhere.example.com'] }),
      'is for nobody': () => ({ ...claims, aud: [] }),
      'is of a ServiceAccount that was made anew': () => ({
        ...claims,
        'kubernetes.io': { ...claims['kubernetes.io'], serviceaccount: other },
      }),
      'is of a Pod that was made anew': () => ({
        ...bound,
        'kubernetes.io': { ...bound['kubernetes.io'], pod: { ...other, name: 'bearer' } },
      }),
      'is of a Pod that never was': () => ({
        ...bound,
        'kubernetes.io': { ...bound['kubernetes.io'], pod: { ...other, name: 'ghost' } },
      }),
    }
    for (const [what, change] of Object.entries(changes)) {
      it(`that ${what} is refused`, async () => assert.equal(await codeOf(signedBy(key, change())), 401))
    }

    it('that is signed with the public key as a secret, or by another key, is refused', async () => {
      const { layout } = running()
      const text = `${encoded({ ...head, alg: 'HS256' })}.${encoded(claims)}`
      const secret = readFileSync(join(layout.pki, 'sa.pub'))
      assert.equal(await codeOf(`${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`), 401)
      const { privateKey } =
        key.asymmetricKeyType === 'ec'
          ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
          : generateKeyPairSync('rsa', { modulusLength: 2048 })
      assert.equal(await codeOf(signedBy(privateKey, claims)), 401)
    })

    it('goes with the Pod that it was bound to', async () => {
      const { client } = running()
      const token = signedBy(key, bound)
      assert.equal(await codeOf(token), 201)
      await client.delete(pods, 'bearer', 'default', { gracePeriodSeconds: 0 })
      assert.equal(await codeOf(token), 401)
    })
  })
}
