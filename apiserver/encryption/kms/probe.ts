/**
 * Follows one KMS v2 plugin: whether it is healthy, which key it has, and the data encryption key that writes use.
 * Upstream: kmsv2PluginProbe in pkg/server/options/encryptionconfig
 *
 * A seed is made and encrypted by the plugin at the start and whenever the plugin's key changes. It may write for three
 * minutes after the plugin was last seen with that key; reads go on for as long as the plugin decrypts.
 */
import { randomBytes } from 'node:crypto'
import { type Clock, realClock, type TimerHandle } from '../../../component-base/clock.ts'
import type { Logger } from '../../../component-base/logging/logger.ts'
import { seedBytes, seededGcm } from '../aes.ts'
import type { Transformer } from '../transformer.ts'
import { keyIdHash, keyIdProblem, keyOf, validateEncryptedObject } from './encrypted-object.ts'
import { type EncryptedObject, type StatusResponse, sourceType } from './messages.ts'
import type { KmsMetrics } from './metrics.ts'
import type { KmsService } from './service.ts'

const positiveIntervalMs = 60_000
const negativeIntervalMs = 10_000
const positiveTtlMs = 20_000
const negativeTtlMs = 3000
const writeTtlMs = 180_000
const versions: readonly string[] = ['v2', 'v2beta1']

/** What writes use: the object is what is stored, but for its data. */
export interface WriteKey {
  readonly transformer: Transformer
  readonly object: EncryptedObject
  readonly cacheKey: string
  readonly expiresMs: number
}

export interface ProbeOptions {
  readonly name: string
  readonly service: KmsService
  readonly log: Logger
  readonly metrics: Pick<KmsMetrics, 'stated' | 'statedInvalid'>
  readonly clock?: Clock
}

/** Not empty, as checks of a whole object want it. */
const anyData = Buffer.from([0])

export class KmsProbe {
  readonly #name: string
  readonly #service: KmsService
  readonly #log: Logger
  readonly #metrics: ProbeOptions['metrics']
  readonly #clock: Clock
  #writeKey: WriteKey | undefined
  #version = ''
  #last: { readonly error: Error | undefined; readonly untilMs: number } = { error: undefined, untilMs: 0 }
  #checking: Promise<void> | undefined
  #timer: TimerHandle | undefined
  #closed = false

  constructor({ name, service, log, metrics, clock = realClock }: ProbeOptions) {
    this.#metrics = metrics
    this.#name = name
    this.#service = service
    this.#log = log
    this.#clock = clock
  }

  /** Asks once, and from then on every minute, or every ten seconds while the plugin is not well. Never rejects. */
  async start(): Promise<void> {
    await this.check().catch((err: unknown) =>
      this.#log.warn({ err, name: this.#name }, 'kms plugin failed health check probe'),
    )
    if (this.#closed) return
    const well = this.#last.error === undefined
    this.#timer = this.#clock.setTimeout(() => void this.start(), well ? positiveIntervalMs : negativeIntervalMs)
    this.#timer.unref?.()
  }

  close(): void {
    this.#closed = true
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer)
    this.#service.close()
  }

  /** Throws while there is none. */
  current(): WriteKey {
    if (this.#writeKey === undefined) throw new Error('got unexpected nil transformer')
    return this.#writeKey
  }

  /** The key for a write; throws when the plugin has not been seen for too long. */
  forWriting(): WriteKey {
    const key = this.current()
    const now = this.#clock.now()
    if (now > key.expiresMs) {
      const time = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z')
      throw new Error(
        `encryptedDEKSource with keyID hash ${JSON.stringify(keyIdHash(key.object.keyID))} expired at ${time(key.expiresMs)} (current time is ${time(now)})`,
      )
    }
    return key
  }

  /** Rejects if the plugin is not well; asks it again only after a while. */
  async check(): Promise<void> {
    if (this.#clock.now() < this.#last.untilMs) {
      if (this.#last.error !== undefined) throw this.#last.error
      return
    }
    this.#checking ??= this.#checkNow().finally(() => {
      this.#checking = undefined
    })
    await this.#checking
  }

  async #checkNow(): Promise<void> {
    try {
      await this.#examine(await this.#status())
      this.#last = { error: undefined, untilMs: this.#clock.now() + positiveTtlMs }
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown))
      this.#last = { error, untilMs: this.#clock.now() + negativeTtlMs }
      throw error
    }
  }

  async #status(): Promise<StatusResponse> {
    try {
      return await this.#service.status()
    } catch (cause) {
      throw new Error(
        `failed to perform status section of the healthz check for KMS Provider ${this.#name}, error: ${(cause as Error).message}`,
        { cause },
      )
    }
  }

  async #examine({ version, healthz, keyId }: StatusResponse): Promise<void> {
    const problems: string[] = []
    if (healthz !== 'ok') problems.push(`got unexpected healthz status: ${healthz}`)
    if (!versions.includes(version)) problems.push(`expected KMSv2 API version v2, got ${version}`)
    else {
      if (this.#version === '') this.#version = version
      if (this.#version !== version) {
        problems.push(
          `KMSv2 API version should not change after the initial status response version ${this.#version}, got ${version}`,
        )
      }
    }
    const bad = keyIdProblem(keyId)
    if (bad === undefined) {
      this.#metrics.stated(keyId)
      await this.#keepKey(keyId).catch((error: unknown) => problems.push((error as Error).message))
    } else {
      this.#metrics.statedInvalid(keyId === '' ? 'empty' : 'too_long')
      problems.push(`got invalid KMSv2 KeyID hash ${JSON.stringify(keyIdHash(keyId))}: ${bad}`)
    }
    if (problems.length === 0) return
    const what = problems.length === 1 ? problems[0] : `[${problems.join(', ')}]`
    throw new Error(`kmsv2 Provider ${this.#name} is not healthy, error: ${what}`)
  }

  /** Lengthens the life of the key that writes use, or makes a new one where the plugin has another. */
  async #keepKey(keyId: string): Promise<void> {
    const expiresMs = this.#clock.now() + writeTtlMs
    if (this.#writeKey?.object.keyID === keyId) {
      this.#writeKey = { ...this.#writeKey, expiresMs }
      return
    }
    const seed = randomBytes(seedBytes)
    const fail = (why: string): Error =>
      new Error(
        `failed to rotate DEK, errGen=${why}, statusKeyIDHash=${JSON.stringify(keyIdHash(keyId))}, stateKeyIDHash=${JSON.stringify(keyIdHash(this.#writeKey?.object.keyID ?? ''))}`,
      )
    let object: EncryptedObject
    try {
      const { ciphertext, keyId: usedId, annotations } = await this.#service.encrypt(seed)
      object = {
        encryptedData: anyData,
        keyID: usedId,
        encryptedDEKSource: Buffer.from(ciphertext),
        annotations: new Map([...annotations].map(([name, value]) => [name, Buffer.from(value)])),
        encryptedDEKSourceType: sourceType.hkdfSeed,
      }
      validateEncryptedObject(object)
    } catch (error) {
      throw fail((error as Error).message)
    }
    // The plugin is changing its key at this moment: the next look finds it settled.
    if (object.keyID !== keyId) throw fail(`<nil>, encryptKeyIDHash=${JSON.stringify(keyIdHash(object.keyID))}`)
    this.#writeKey = { transformer: seededGcm(seed), object, cacheKey: keyOf(object), expiresMs }
    this.#log.info({ name: this.#name, keyIdHash: keyIdHash(keyId) }, 'data encryption key made')
  }
}
