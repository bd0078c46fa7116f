import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { realClock } from '../../../component-base/clock.ts'
import { createLogger } from '../../../component-base/logging/logger.ts'
import { Registry } from '../../../component-base/metrics/prometheus.ts'
import type { Plain, Transformer } from '../transformer.ts'
import { createKmsMetrics } from './metrics.ts'
import { envelope } from './envelope.ts'
import { keyIdHash } from './encrypted-object.ts'
import { type KmsPlugin, startKmsPlugin } from './kms-fixture.ts'
import { EncryptedObject, sourceType } from './messages.ts'
import { KmsProbe } from './probe.ts'
import { createKmsService } from './service.ts'

const log = createLogger('test')
const context = Buffer.from('/registry/secrets/default/a')
const data = Buffer.from('{"kind":"Secret"}')

interface Setup extends AsyncDisposable {
  readonly plugin: KmsPlugin
  readonly registry: Registry
  readonly probe: KmsProbe
  readonly transformer: Transformer
  /** Another server with the same plugin, which remembers nothing. */
  readonly other: () => Promise<Transformer>
  /** Moves the probe's clock. */
  readonly pass: (ms: number) => void
}

const start = async (): Promise<Setup> => {
  const plugin = await startKmsPlugin()
  const registry = new Registry()
  const metrics = createKmsMetrics(registry, 'sha256:server')('vault')
  let offset = 0
  const clock = { ...realClock, now: () => realClock.now() + offset }
  const probes: KmsProbe[] = []
  const connect = async () => {
    const service = createKmsService({ endpoint: plugin.endpoint, timeoutMs: 2000 }, metrics)
    const probe = new KmsProbe({ name: 'vault', service, log, metrics, clock })
    probes.push(probe)
    await probe.start()
    return { probe, transformer: envelope({ service, probe, metrics }) }
  }
  return {
    plugin,
    registry,
    ...(await connect()),
    other: async () => (await connect()).transformer,
    pass: (ms) => {
      offset += ms
    },
    [Symbol.asyncDispose]: async () => {
      for (const probe of probes) probe.close()
      await plugin[Symbol.asyncDispose]()
    },
  }
}

const write = (transformer: Transformer): Buffer => transformer.toStorage(data, context) as Buffer
const read = async (transformer: Transformer, stored: Buffer): Promise<Plain> =>
  transformer.fromStorage(stored, context)

describe('KMS v2', () => {
  it('asks the plugin once for a key and encrypts any number of values with it', async () => {
    await using setup = await start()
    const { plugin, transformer } = setup
    for (let index = 0; index < 5; index++) {
      assert.deepEqual(await read(transformer, write(transformer)), { data, stale: false })
    }
    assert.deepEqual(plugin.calls, { status: 1, encrypt: 1, decrypt: 0 })
  })

  it('stores the message of upstream: data, key id, encrypted seed, annotations', async () => {
    await using setup = await start()
    const object = EncryptedObject.decode(write(setup.transformer))
    assert.equal(object.keyID, 'key-1')
    assert.equal(object.encryptedDEKSource.length, 32)
    assert.equal(object.encryptedDEKSourceType, sourceType.hkdfSeed)
    assert.equal(object.annotations.get('kms.example.com')?.toString(), 'local')
    assert.equal(object.encryptedData.length, 32 + 12 + data.length + 16)
  })

  it('has another server ask the plugin once for all that share a key', async () => {
    await using setup = await start()
    const stored = [write(setup.transformer), write(setup.transformer), write(setup.transformer)]
    const other = await setup.other()
    const plain = await Promise.all(stored.map((value) => read(other, value)))
    assert.deepEqual(
      plain.map(({ data: bytes }) => bytes),
      [data, data, data],
    )
    assert.equal(setup.plugin.calls.decrypt, 1)
  })

  it('makes a new key when the plugin has another, and takes the old one for stale', async () => {
    await using setup = await start()
    const old = write(setup.transformer)
    setup.plugin.keyId = 'key-2'
    setup.pass(30_000)
    await setup.probe.check()
    assert.deepEqual(await read(setup.transformer, old), { data, stale: true })
    const fresh = write(setup.transformer)
    assert.equal(EncryptedObject.decode(fresh).keyID, 'key-2')
    assert.deepEqual(await read(setup.transformer, fresh), { data, stale: false })
  })

  it('writes for three minutes without the plugin, and reads for longer', async () => {
    await using setup = await start()
    const stored = write(setup.transformer)
    setup.pass(170_000)
    write(setup.transformer)
    setup.pass(20_000)
    assert.throws(() => write(setup.transformer), {
      message: /^encryptedDEKSource with keyID hash "sha256:[\da-f]{64}" expired at /,
    })
    assert.deepEqual((await read(setup.transformer, stored)).data, data)
  })

  it('is not well when the plugin says so, and asks it again only after a while', async () => {
    await using setup = await start()
    setup.plugin.healthz = 'sealed'
    setup.pass(30_000)
    const message = 'kmsv2 Provider vault is not healthy, error: got unexpected healthz status: sealed'
    await assert.rejects(setup.probe.check(), { message })
    const { status } = setup.plugin.calls
    await assert.rejects(setup.probe.check(), { message })
    assert.equal(setup.plugin.calls.status, status)
    setup.plugin.healthz = 'ok'
    setup.pass(4000)
    await setup.probe.check()
  })

  it('is not well when the plugin has no key or another version', async () => {
    await using setup = await start()
    setup.plugin.keyId = ''
    setup.plugin.version = 'v1'
    setup.pass(30_000)
    await assert.rejects(setup.probe.check(), {
      message: /\[expected KMSv2 API version v2, got v1, got invalid KMSv2 KeyID hash "": keyID is empty\]/,
    })
  })

  it('tells why the plugin could not decrypt a key', async () => {
    await using setup = await start()
    const stored = write(setup.transformer)
    const other = await setup.other()
    setup.plugin.broken = true
    await assert.rejects(read(other, stored), { message: /^failed to decrypt DEK, error: .*the key is gone/ })
  })

  it('refuses what is no encrypted object', async () => {
    await using setup = await start()
    await assert.rejects(read(setup.transformer, EncryptedObject.encode({ keyID: 'k' })), {
      message: 'encrypted data is empty',
    })
    await assert.rejects(read(setup.transformer, EncryptedObject.encode({ keyID: 'k', encryptedData: data })), {
      message: 'failed to validate encrypted DEK source: encrypted DEK source is empty',
    })
  })

  it('counts calls, and under which key values are read and written', async () => {
    await using setup = await start()
    await read(setup.transformer, write(setup.transformer))
    const text = await setup.registry.metrics()
    const hash = keyIdHash('key-1')
    for (const line of [
      'apiserver_envelope_encryption_kms_operations_latency_seconds_count{provider_name="vault",method_name="/v2.KeyManagementService/Encrypt",grpc_status_code="OK"} 1',
      `apiserver_envelope_encryption_key_id_hash_total{transformation_type="to_storage",provider_name="vault",key_id_hash="${hash}",apiserver_id_hash="sha256:server"} 1`,
      `apiserver_envelope_encryption_key_id_hash_total{transformation_type="from_storage",provider_name="vault",key_id_hash="${hash}",apiserver_id_hash="sha256:server"} 1`,
      'apiserver_envelope_encryption_dek_source_cache_size{provider_name="vault"} 1',
    ]) {
      assert.ok(text.includes(line), line)
    }
    assert.ok(!text.includes('key-1'))
  })
})
