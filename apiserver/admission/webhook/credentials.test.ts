import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { dump } from 'js-yaml'
import { createCa, issueCertificate } from '../../../component-base/pki/certificates.ts'
import { createReviewCaller } from '../../webhook/review-caller.ts'
import { createWebhookCaller } from './client.ts'
import { readWebhookCredentials } from './credentials.ts'
import type { Hook } from './hooks.ts'
import { startWebhookServer } from './webhook-fixture.ts'

const directory = mkdtempSync(join(tmpdir(), 'kubets-webhook-credentials-'))
after(() => rmSync(directory, { recursive: true }))
let files = 0

/** Users by name, with their own name as token unless it is said otherwise. */
const kubeconfig = (users: Readonly<Record<string, object>>, current?: string): string => {
  const path = join(directory, `users-${++files}.conf`)
  const document = {
    users: Object.entries(users).map(([name, user]) => ({ name, user })),
    ...(current === undefined ? {} : { contexts: [{ name: 'x', context: { user: current } }], 'current-context': 'x' }),
  }
  writeFileSync(path, dump(document))
  return path
}
const configuration = (kubeConfigFile: string) => ({
  value: { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'WebhookAdmissionConfiguration', kubeConfigFile },
  duplicates: [],
})

describe('credentials for webhooks', () => {
  const users = (...names: readonly string[]) => Object.fromEntries(names.map((name) => [name, { token: name }]))
  const cases: readonly (readonly [target: string, names: readonly string[], expected: string | undefined])[] = [
    ['hook.ns.svc:443', ['hook.ns.svc:443', 'hook.ns.svc', '*'], 'hook.ns.svc:443'],
    ['hook.ns.svc:443', ['hook.ns.svc', '*.ns.svc', '*'], 'hook.ns.svc'],
    ['hook.ns.svc:443', ['hook.ns.svc', '*.ns.svc:443', '*'], '*.ns.svc:443'],
    ['hook.ns.svc:443', ['*.svc', '*'], '*.svc'],
    ['hook.ns.svc:8443', ['hook.ns.svc', '*.svc', '*'], '*'],
    ['hook.ns.svc:8443', ['*.svc:8443', '*'], '*.svc:8443'],
    ['other.ns.svc:443', ['hook.ns.svc'], undefined],
    ['badhook.ns.svc:443', ['hook.ns.svc', '*hook.ns.svc'], undefined],
    ['hook.example.com:443', ['*.example.com'], '*.example.com'],
  ]
  for (const [target, names, expected] of cases) {
    it(`of ${names.join(' and ')} for ${target} are ${expected ?? 'none'}`, () => {
      const find = readWebhookCredentials(configuration(kubeconfig(users(...names))))
      assert.equal(find(target)?.token(), expected)
    })
  }

  it('are those of the current context where nothing else fits', () => {
    const find = readWebhookCredentials(configuration(kubeconfig(users('a', 'b'), 'b')))
    assert.equal(find('hook.ns.svc:443')?.token(), 'b')
  })

  it('are refused where the file cannot be read or does not say what it must', () => {
    const refused = (why: RegExp, path: string): void =>
      assert.throws(() => readWebhookCredentials(configuration(path)), why)
    refused(/^ConfigError: kubeConfigFile: Invalid value: "users.conf": must be an absolute file path$/, 'users.conf')
    refused(/^ConfigError: kubeConfigFile: Invalid value: "": must be an absolute file path$/, '')
    refused(/ENOENT/, join(directory, 'missing'))
    refused(/exec of a user is not implemented by kubets/, kubeconfig({ a: { exec: {} } }))
    assert.throws(
      () => readWebhookCredentials({ value: { apiVersion: 'v1', kind: 'ConfigMap' }, duplicates: [] }),
      /^ConfigError: no kind "ConfigMap" is registered for version "v1"$/,
    )
  })

  it('go to whom they are for, and to nobody else', async () => {
    await using server = await startWebhookServer()
    server.replies.set('/hook', () => ({ allowed: true }))
    const client = await issueCertificate(await createCa('clients'), { commonName: 'us', usages: ['client'], days: 1 })
    const data = (pem: string): string => Buffer.from(pem).toString('base64')
    const path = kubeconfig({
      [`127.0.0.1:${server.port}`]: {
        token: 'secret',
        'client-certificate-data': data(client.certPem),
        'client-key-data': data(client.keyPem),
      },
    })
    const caller = createWebhookCaller(
      createReviewCaller(() => Promise.reject(new Error('no services here'))),
      readWebhookCredentials(configuration(path)),
    )
    const hook = (host: string): Hook => {
      const clientConfig = { url: `https://${host}:${server.port}/hook`, caBundle: server.caBundle }
      return { timeout: 5, spec: { clientConfig } } as unknown as Hook
    }
    const review = JSON.stringify({ request: { uid: 'u' } })
    await caller(hook('127.0.0.1'), review)
    await caller(hook('localhost'), review)
    assert.deepEqual(server.callers, [
      { authorization: 'Bearer secret', commonName: 'us' },
      { authorization: undefined, commonName: undefined },
    ])
  })
})
