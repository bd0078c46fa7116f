/** What lies in the store of objects that are encrypted at rest, and how keys are changed under a running server. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { dump } from 'js-yaml'
import { startKmsPlugin } from '../../apiserver/encryption/kms/kms-fixture.ts'
import type { EtcdClient } from '../../component-base/etcd/client.ts'
import { encryptionConfigPath } from '../../deploy/encryption.ts'
import type { KubeObject } from '../../api/types.ts'
import { createHttp, type Http, pkiCredentials } from '../harness/http.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { waitFor } from '../harness/wait.ts'

const directory = mkdtempSync(join(tmpdir(), 'kubets-encryption-test-'))
const configFile = join(directory, 'encryption.yaml')
const plugin = await startKmsPlugin()

type Providers = readonly object[]
const aes = (name: string, fill: number, type = 'aesgcm') => ({
  [type]: { keys: [{ name, secret: Buffer.alloc(32, fill).toString('base64') }] },
})
const kms = { kms: { apiVersion: 'v2', name: 'vault', endpoint: plugin.endpoint, timeout: '3s' } }

const writeConfig = (secrets: Providers): void =>
  writeFileSync(
    configFile,
    dump({
      apiVersion: 'apiserver.config.k8s.io/v1',
      kind: 'EncryptionConfiguration',
      resources: [
        { resources: ['secrets'], providers: secrets },
        { resources: ['configmaps'], providers: [aes('cm', 3, 'aescbc'), { identity: {} }] },
        { resources: ['*.apps'], providers: [kms, { identity: {} }] },
      ],
    }),
  )
writeConfig([aes('one', 1), { identity: {} }])

after(async () => {
  await plugin[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true })
})

const running = useCluster({
  extraArgs: {
    'kube-apiserver': { 'encryption-provider-config': configFile },
  },
})

describe('encryption at rest', () => {
  let http: Http
  let etcd: EtcdClient
  const secretText = 'hunter2-the-secret'

  const stored = async (key: string): Promise<Buffer> => {
    const { kvs } = await etcd.range({ key: Buffer.from(key) })
    return Buffer.from(kvs[0]?.value ?? [])
  }
  const prefixOf = async (key: string, length = 40): Promise<string> =>
    (await stored(key)).toString('latin1', 0, length).replace(/^((?:k8s:enc:\w+:v\d:\w+:)?).*$/s, '$1')
  const createSecret = async (name: string): Promise<void> => {
    const body = { metadata: { name }, stringData: { password: secretText } }
    const { code } = await http('/api/v1/namespaces/default/secrets', { method: 'POST', body })
    assert.equal(code, 201)
  }
  const password = async (name: string): Promise<string> => {
    const { json } = await http(`/api/v1/namespaces/default/secrets/${name}`)
    return Buffer.from((json['data'] as { password: string }).password, 'base64').toString()
  }
  /** PUT of what GET gave. */
  const rewrite = async (path: string): Promise<void> => {
    const { json } = await http(path)
    const { code, text } = await http(path, { method: 'PUT', body: json })
    assert.equal(code, 200, text)
  }
  const reloads = async (status: string): Promise<number> => {
    const { text } = await http('/metrics')
    const line = new RegExp(
      `^apiserver_encryption_config_controller_automatic_reloads_total\\{status="${status}".*\\} (\\d+)`,
      'm',
    )
    return Number(line.exec(text)?.[1] ?? 0)
  }

  before(() => {
    const cluster = running()
    http = createHttp(cluster, pkiCredentials(cluster, 'admin'))
    etcd = cluster.newEtcdClient()
  })
  after(() => etcd.close())

  it('stores Secrets under the first key of their provider, and nothing of them in clear', async () => {
    await createSecret('a')
    const bytes = await stored('/registry/secrets/default/a')
    assert.ok(bytes.toString('latin1').startsWith('k8s:enc:aesgcm:v1:one:'))
    assert.ok(!bytes.includes(secretText) && !bytes.includes(Buffer.from(secretText).toString('base64')))
    assert.ok(!bytes.includes('"kind"'))
    assert.equal(await password('a'), secretText)
  })

  it('encrypts what else the configuration names, and leaves the rest', async () => {
    await http('/api/v1/namespaces/default/configmaps', {
      method: 'POST',
      body: { metadata: { name: 'a' }, data: { a: 'b' } },
    })
    assert.equal(await prefixOf('/registry/configmaps/default/a'), 'k8s:enc:aescbc:v1:cm:')
    await http('/api/v1/namespaces/default/services', {
      method: 'POST',
      body: { metadata: { name: 'a' }, spec: { ports: [{ port: 80 }] } },
    })
    assert.ok((await stored('/registry/services/specs/default/a')).toString().startsWith('{"kind":"Service"'))
  })

  it('has a KMS plugin keep the keys of a whole group', async () => {
    const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } }
    const body = { metadata: { name: 'a' }, spec: { selector: { matchLabels: { a: 'b' } }, replicas: 0, template } }
    const { code } = await http('/apis/apps/v1/namespaces/default/deployments', { method: 'POST', body })
    assert.equal(code, 201)
    assert.equal(await prefixOf('/registry/deployments/default/a'), 'k8s:enc:kms:v2:vault:')
    assert.equal((await http('/apis/apps/v1/namespaces/default/deployments/a')).code, 200)
    assert.equal((await http('/healthz/kms-providers')).text, 'ok')
  })

  it('takes up a new key while it runs: reads the old, writes the new, and writes again what is merely touched', async () => {
    writeConfig([aes('two', 2), aes('one', 1), { identity: {} }])
    await waitFor(async () => (await reloads('success')) === 1, { what: 'the reload' })
    await createSecret('b')
    assert.equal(await prefixOf('/registry/secrets/default/b'), 'k8s:enc:aesgcm:v1:two:')
    assert.equal(await prefixOf('/registry/secrets/default/a'), 'k8s:enc:aesgcm:v1:one:')
    assert.equal(await password('a'), secretText)
    await rewrite('/api/v1/namespaces/default/secrets/a')
    assert.equal(await prefixOf('/registry/secrets/default/a'), 'k8s:enc:aesgcm:v1:two:')
    const { json: once } = await http('/api/v1/namespaces/default/secrets/a')
    await rewrite('/api/v1/namespaces/default/secrets/a')
    const { json: twice } = await http('/api/v1/namespaces/default/secrets/a')
    assert.deepEqual(twice, once)
  })

  it('goes on with what it has when the new configuration is of no use', async () => {
    writeFileSync(configFile, 'kind: nonsense')
    await waitFor(async () => (await reloads('failure')) > 0, { what: 'the refusal' })
    assert.equal(await password('a'), secretText)
    // A key may go when nothing is stored under it any more.
    const { json } = await http('/api/v1/secrets')
    for (const { metadata } of (json as { items: KubeObject[] }).items) {
      await rewrite(`/api/v1/namespaces/${metadata?.namespace}/secrets/${metadata?.name}`)
    }
    writeConfig([aes('two', 2), { identity: {} }])
    await waitFor(async () => (await reloads('success')) === 2, { what: 'the next reload' })
  })

  it('counts transformations by resource and prefix', async () => {
    const { text } = await http('/metrics')
    assert.match(
      text,
      /apiserver_storage_transformation_operations_total\{resource="secrets",transformation_type="to_storage",transformer_prefix="k8s:enc:aesgcm:v1:",status="OK"\} \d+/,
    )
  })

  it('says what it cannot read, and serves the rest', async () => {
    const lost = Buffer.concat([Buffer.from('k8s:enc:aesgcm:v1:lost:'), Buffer.alloc(60, 1)])
    await etcd.put({ key: Buffer.from('/registry/secrets/default/lost'), value: lost })
    const list = await waitFor(
      async () => {
        const answer = await http('/api/v1/namespaces/default/secrets')
        return answer.code === 500 && answer
      },
      { what: 'the list to fail' },
    )
    assert.equal(list.status.reason, 'InternalError')
    assert.match(list.status.message ?? '', /unable to transform key "\/registry\/secrets\/default\/lost"/)
    const { code, status } = await http('/api/v1/namespaces/default/secrets/lost')
    assert.deepEqual(
      [code, status.message],
      [500, 'Internal error occurred: no matching key was found for the provided AES transformer'],
    )
    assert.equal(await password('a'), secretText)
    await createSecret('c')
    await etcd.deleteRange({ key: Buffer.from('/registry/secrets/default/lost') })
    await waitFor(async () => (await http('/api/v1/namespaces/default/secrets')).code === 200, { what: 'the list' })
  })

  it('has a key of its own in a cluster of npm start, for its owner alone', () => {
    assert.equal(statSync(encryptionConfigPath(running().layout)).mode & 0o777, 0o600)
  })
})
