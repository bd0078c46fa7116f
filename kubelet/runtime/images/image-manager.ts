/** Brings images to the node by pull policy, with upstream's reasons, messages and events. */
import { KeyedBackoff } from '../../backoff.ts'
import { type BoundPod, formatPod } from '../../pod.ts'
import type { Image, ImageService } from '../runtime-service.ts'
import { defaultPullPolicy, normalizeImage } from './image-reference.ts'
import type { PullCredentials } from './keyring.ts'
import type { PullRecords } from './pull-records.ts'

export type ImageErrorReason =
  | 'ErrImagePull'
  | 'ImagePullBackOff'
  | 'ErrImageNeverPull'
  | 'InvalidImageName'
  | 'ImageInspectError'
  | 'RegistryUnavailable'
  | 'SignatureValidationFailed'

/** Why a container has no image; reason and message go to its Waiting state. */
export class ImageError extends Error {
  override readonly name = 'ImageError'
  readonly reason: ImageErrorReason
  /** Milliseconds until trying again can help. */
  readonly retryAfterMs: number

  constructor(reason: ImageErrorReason, message: string, retryAfterMs: number) {
    super(message)
    this.reason = reason
    this.retryAfterMs = retryAfterMs
  }
}

export type RecordContainerEvent = (type: 'Normal' | 'Warning', reason: string, message: string) => void

export interface ImageManagerOptions {
  readonly images: ImageService
  readonly now: () => number
  /** Pulls at the same time; 1 is upstream's serializeImagePulls. */
  readonly maxParallelPulls: number
  readonly records: PullRecords
}

export interface EnsureImage {
  readonly pod: BoundPod
  /** As the Pod has it. */
  readonly reference: string
  readonly pullPolicy: string | undefined
  readonly credentials: (image: string) => Promise<readonly PullCredentials[]>
  readonly record: RecordContainerEvent
  readonly signal: AbortSignal
}

export interface ImageManager {
  /** The image's ID and its user; throws ImageError. */
  ensureImage(request: EnsureImage): Promise<{ readonly id: string; readonly user: string }>
  forgetPod(podUid: string): void
}

/** Reason and message of a pull that failed. What a runtime's error begins with is a reason of its own. */
export const pullFailure = (image: string, error: unknown): { reason: ImageErrorReason; message: string } => {
  const text = error instanceof Error ? error.message : String(error)
  const special = [
    ['RegistryUnavailable', 'the registry is unavailable'],
    ['SignatureValidationFailed', 'the signature validation failed'],
  ] as const
  for (const [reason, why] of special) {
    if (text.startsWith(reason))
      return { reason, message: `image pull failed for ${image} because ${why}${text.slice(reason.length)}` }
  }
  return { reason: 'ErrImagePull', message: text }
}

interface Pulled {
  readonly id: string
  readonly used: PullCredentials | undefined
}

const initialBackoffMs = 10_000
const maxBackoffMs = 300_000
/** A registry that does not answer must not hold a Pod for minutes. */
const pullTimeoutMs = 15 * 60_000

const seconds = (ms: number): string => (ms < 1000 ? `${Math.round(ms)}ms` : `${(ms / 1000).toFixed(3)}s`)

export const createImageManager = ({ images, now, maxParallelPulls, records }: ImageManagerOptions): ImageManager => {
  const backoff = new KeyedBackoff({ initialMs: initialBackoffMs, maxMs: maxBackoffMs })
  const lastErrors = new Map<string, string>()
  const failedAt = new Map<string, number>()
  const pulling = new Map<string, Promise<Pulled>>()
  const queue: (() => void)[] = []
  let active = 0

  const inTurn = async <T>(work: () => Promise<T>): Promise<T> => {
    if (active >= maxParallelPulls) await new Promise<void>((resolve) => queue.push(resolve))
    else active++
    try {
      return await work()
    } finally {
      // A place is handed on: nobody who comes meanwhile takes it, too.
      const next = queue.shift()
      if (next === undefined) active--
      else next()
    }
  }

  /** Tries one credential after the other; the last failure is told. */
  const tryAll = async (image: string, credentials: readonly PullCredentials[]): Promise<Pulled> => {
    const signal = AbortSignal.timeout(pullTimeoutMs)
    const failures: unknown[] = []
    for (const used of credentials.length === 0 ? [undefined] : credentials) {
      try {
        return { id: await images.pullImage(image, used?.auth, signal), used }
      } catch (error) {
        failures.push(error)
      }
    }
    const texts = [...new Set(failures.map((error) => (error instanceof Error ? error.message : String(error))))]
    // Several are told as Go's aggregate tells them.
    throw texts.length === 1 ? failures[0] : new Error(`[${texts.join(', ')}]`, { cause: failures[0] })
  }

  const pullAndRecord = async (image: string, credentials: readonly PullCredentials[]): Promise<Pulled> => {
    await records.begin(image)
    try {
      const pulled = await inTurn(() => tryAll(image, credentials))
      await records.succeeded(image, pulled.id, pulled.used)
      return pulled
    } catch (error) {
      await records.failed(image)
      throw error
    }
  }

  /** Two containers that want one image share its pull; it goes on when one of them is no longer wanted. */
  const pullOnce = (image: string, credentials: readonly PullCredentials[]): Promise<Pulled> => {
    const key = `${credentials.map(({ hash }) => hash).join(' ')}@${image}`
    const running = pulling.get(key)
    if (running !== undefined) return running
    const pull = pullAndRecord(image, credentials).finally(() => pulling.delete(key))
    pulling.set(key, pull)
    return pull
  }

  const unlessAborted = async <T>(promise: Promise<T>, signal: AbortSignal): Promise<T> => {
    signal.throwIfAborted()
    promise.catch(() => undefined)
    let onAbort = (): void => undefined
    const aborted = new Promise<never>((_resolve, reject) => {
      onAbort = () => reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'))
      signal.addEventListener('abort', onAbort, { once: true })
    })
    try {
      return await Promise.race([promise, aborted])
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  const pull = async (
    image: string,
    credentials: readonly PullCredentials[],
    { pod, reference, record, signal }: EnsureImage,
  ): Promise<string> => {
    const key = `${pod.metadata.uid}_${image}`
    const wait = backoff.remaining(key, failedAt.get(key) ?? 0, now())
    if (wait > 0) {
      const message = `Back-off pulling image "${reference}"`
      record('Normal', 'BackOff', message)
      const last = lastErrors.get(key)
      throw new ImageError('ImagePullBackOff', last === undefined ? message : `${message}: ${last}`, wait)
    }
    record('Normal', 'Pulling', `Pulling image "${reference}"`)
    const startedAt = now()
    try {
      const { id } = await unlessAborted(pullOnce(image, credentials), signal)
      backoff.reset(key)
      failedAt.delete(key)
      lastErrors.delete(key)
      const size = (await images.imageStatus(id))?.sizeBytes ?? 0
      const took = seconds(now() - startedAt)
      record(
        'Normal',
        'Pulled',
        `Successfully pulled image "${reference}" in ${took} (${took} including waiting). Image size: ${size} bytes.`,
      )
      return id
    } catch (error) {
      if (signal.aborted) throw error
      record(
        'Warning',
        'Failed',
        `Failed to pull image "${reference}": ${error instanceof Error ? error.message : String(error)}`,
      )
      const { reason, message } = pullFailure(reference, error)
      backoff.next(key, now(), now())
      failedAt.set(key, now())
      lastErrors.set(key, `${reason}: ${message}`)
      throw new ImageError(reason, message, backoff.duration(key))
    }
  }

  /** Undefined: there is none. */
  const inspect = async (image: string, { reference, record }: EnsureImage): Promise<Image | undefined> => {
    try {
      return await images.imageStatus(image)
    } catch (error) {
      const message = `Failed to inspect image "${reference}": ${error instanceof Error ? error.message : String(error)}`
      record('Warning', 'InspectFailed', message)
      throw new ImageError('ImageInspectError', message, initialBackoffMs)
    }
  }

  return {
    ensureImage: async (request) => {
      const { pod, reference, record } = request
      const image = normalizeImage(reference)
      if (image === undefined) {
        const message = `Failed to apply default image tag "${reference}": couldn't parse image name "${reference}": invalid reference format`
        record('Warning', 'InspectFailed', message)
        throw new ImageError('InvalidImageName', message, maxBackoffMs)
      }
      const policy = request.pullPolicy ?? defaultPullPolicy(reference)
      const neverThere = (): never => {
        const message = `Container image "${reference}" is not present with pull policy of Never`
        record('Warning', 'ErrImageNeverPull', message)
        throw new ImageError('ErrImageNeverPull', message, initialBackoffMs)
      }
      const present = policy === 'Always' ? undefined : await inspect(image, request)
      if (present === undefined && policy === 'Never') neverThere()
      const credentials = (): Promise<readonly PullCredentials[]> => request.credentials(image)
      if (present !== undefined) {
        if (!(await records.mustPull(image, present.id, credentials))) {
          record(
            'Normal',
            'Pulled',
            `Container image "${reference}" already present on machine and can be accessed by the pod`,
          )
          return { id: present.id, user: present.user }
        }
        // Who may not use it is not told that it is there.
        if (policy === 'Never') neverThere()
      }
      const id = await pull(image, await credentials(), request)
      const pulled = await inspect(id, request)
      if (pulled === undefined)
        throw new ImageError('ImageInspectError', `image ${reference} of ${formatPod(pod)} vanished`, 0)
      return { id, user: pulled.user }
    },
    forgetPod: (podUid) => {
      backoff.forget(podUid)
      for (const key of lastErrors.keys()) if (key.startsWith(podUid)) lastErrors.delete(key)
      for (const key of failedAt.keys()) if (key.startsWith(podUid)) failedAt.delete(key)
    },
  }
}
