/** Brings images to the node by pull policy, with upstream's reasons, messages and events. */
import type { Container } from '../../../api/types.ts'
import { KeyedBackoff } from '../../backoff.ts'
import { type BoundPod, formatPod } from '../../pod.ts'
import type { ImageService, RegistryAuth } from '../runtime-service.ts'
import { defaultPullPolicy, normalizeImage } from './image-reference.ts'

export type ImageErrorReason =
  | 'ErrImagePull'
  | 'ImagePullBackOff'
  | 'ErrImageNeverPull'
  | 'InvalidImageName'
  | 'ImageInspectError'

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
}

export interface EnsureImage {
  readonly pod: BoundPod
  readonly container: Container
  readonly auth: (image: string) => Promise<RegistryAuth | undefined>
  readonly record: RecordContainerEvent
  readonly signal: AbortSignal
}

export interface ImageManager {
  /** The image's ID and its user; throws ImageError. */
  ensureImage(request: EnsureImage): Promise<{ readonly id: string; readonly user: string }>
  forgetPod(podUid: string): void
}

const initialBackoffMs = 10_000
const maxBackoffMs = 300_000
/** A registry that does not answer must not hold a Pod for minutes. */
const pullTimeoutMs = 15 * 60_000

const seconds = (ms: number): string => (ms < 1000 ? `${Math.round(ms)}ms` : `${(ms / 1000).toFixed(3)}s`)

export const createImageManager = ({ images, now, maxParallelPulls }: ImageManagerOptions): ImageManager => {
  const backoff = new KeyedBackoff({ initialMs: initialBackoffMs, maxMs: maxBackoffMs })
  const lastErrors = new Map<string, string>()
  const failedAt = new Map<string, number>()
  const pulling = new Map<string, Promise<string>>()
  const queue: (() => void)[] = []
  let active = 0

  const inTurn = async <T>(work: () => Promise<T>): Promise<T> => {
    if (active >= maxParallelPulls) await new Promise<void>((resolve) => queue.push(resolve))
    active++
    try {
      return await work()
    } finally {
      active--
      queue.shift()?.()
    }
  }

  /** Two containers that want one image share its pull; it goes on when one of them is no longer wanted. */
  const pullOnce = (image: string, auth: RegistryAuth | undefined): Promise<string> => {
    const key = `${auth?.username ?? ''}@${image}`
    const running = pulling.get(key)
    if (running !== undefined) return running
    const pull = inTurn(() => images.pullImage(image, auth, AbortSignal.timeout(pullTimeoutMs))).finally(() =>
      pulling.delete(key),
    )
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

  const pull = async (image: string, { pod, container, auth, record, signal }: EnsureImage): Promise<string> => {
    const key = `${pod.metadata.uid}_${image}`
    const wait = backoff.remaining(key, failedAt.get(key) ?? 0, now())
    const shown = container.image ?? ''
    if (wait > 0) {
      const message = `Back-off pulling image "${shown}"`
      record('Normal', 'BackOff', message)
      const last = lastErrors.get(key)
      throw new ImageError('ImagePullBackOff', last === undefined ? message : `${message}: ErrImagePull: ${last}`, wait)
    }
    record('Normal', 'Pulling', `Pulling image "${shown}"`)
    const startedAt = now()
    try {
      const id = await unlessAborted(pullOnce(image, await auth(image)), signal)
      backoff.reset(key)
      failedAt.delete(key)
      const size = (await images.imageStatus(id))?.sizeBytes ?? 0
      const took = seconds(now() - startedAt)
      record(
        'Normal',
        'Pulled',
        `Successfully pulled image "${shown}" in ${took} (${took} including waiting). Image size: ${size} bytes.`,
      )
      return id
    } catch (error) {
      if (signal.aborted) throw error
      const message = error instanceof Error ? error.message : String(error)
      record('Warning', 'Failed', `Failed to pull image "${shown}": ${message}`)
      backoff.next(key, now(), now())
      failedAt.set(key, now())
      lastErrors.set(key, message)
      throw new ImageError('ErrImagePull', message, backoff.duration(key))
    }
  }

  return {
    ensureImage: async (request) => {
      const { pod, container, record } = request
      const shown = container.image ?? ''
      const image = normalizeImage(shown)
      if (image === undefined) {
        const message = `Failed to apply default image tag "${shown}": couldn't parse image name "${shown}": invalid reference format`
        record('Warning', 'InspectFailed', message)
        throw new ImageError('InvalidImageName', message, maxBackoffMs)
      }
      const policy = container.imagePullPolicy ?? defaultPullPolicy(shown)
      const present = await images.imageStatus(image)
      if (present !== undefined && policy !== 'Always') {
        record(
          'Normal',
          'Pulled',
          `Container image "${shown}" already present on machine and can be accessed by the pod`,
        )
        return { id: present.id, user: present.user }
      }
      if (policy === 'Never') {
        const message = `Container image "${shown}" is not present with pull policy of Never`
        record('Warning', 'ErrImageNeverPull', message)
        throw new ImageError('ErrImageNeverPull', message, initialBackoffMs)
      }
      const id = await pull(image, request)
      const pulled = await images.imageStatus(id)
      if (pulled === undefined)
        throw new ImageError('ImageInspectError', `image ${shown} of ${formatPod(pod)} vanished`, 0)
      return { id, user: pulled.user }
    },
    forgetPod: (podUid) => {
      backoff.forget(podUid)
      for (const key of lastErrors.keys()) if (key.startsWith(podUid)) lastErrors.delete(key)
      for (const key of failedAt.keys()) if (key.startsWith(podUid)) failedAt.delete(key)
    },
  }
}
