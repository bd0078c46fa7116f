/**
 * Takes away images that nobody uses: those that are too old, and more when their disk is nearly full. Upstream:
 * pkg/kubelet/images/image_gc_manager.go. On an engine that is the user's, too, only what this kubelet has pulled is
 * looked at: what others brought there is theirs.
 */
import { sleep } from '../../../component-base/clock.ts'
import type { Logger } from '../../../component-base/logging/logger.ts'
import type { Image, ImageService, RuntimeService } from '../runtime-service.ts'
import type { PullRecords } from './pull-records.ts'

export interface GcPolicy {
  readonly highThresholdPercent: number
  readonly lowThresholdPercent: number
  /** Younger ones stay, whatever the disk: they may have been pulled for a container that comes next. */
  readonly minAgeMs: number
  /** Unused for longer: it goes, whatever the disk. 0: none does. */
  readonly maxAgeMs: number
}

/** An image that may go, and since when it is known and was last used (0: never). */
export interface Candidate {
  readonly id: string
  readonly sizeBytes: number
  readonly firstSeen: number
  readonly lastUsed: number
}

export interface Disk {
  readonly total: number
  readonly available: number
}

/** Pure: least recently used first, then the oldest. */
export const inEvictionOrder = (candidates: readonly Candidate[]): Candidate[] =>
  candidates.toSorted((a, b) => a.lastUsed - b.lastUsed || a.firstSeen - b.firstSeen)

/** Pure: bytes that must go so that the disk is at the low threshold; 0 below the high one. */
export const bytesToFree = ({ total, available }: Disk, policy: GcPolicy): number => {
  const free = Math.min(available, total)
  const usedPercent = 100 - Math.floor((free * 100) / total)
  if (usedPercent < policy.highThresholdPercent) return 0
  return Math.floor((total * (100 - policy.lowThresholdPercent)) / 100) - free
}

/** Pure: those that have not been used for too long, once this kubelet has watched for as long. */
export const tooOld = (
  candidates: readonly Candidate[],
  { maxAgeMs }: GcPolicy,
  { now, startedAt }: { readonly now: number; readonly startedAt: number },
): Candidate[] =>
  maxAgeMs === 0 || now - startedAt <= maxAgeMs ? [] : candidates.filter(({ lastUsed }) => now - lastUsed > maxAgeMs)

/** Pure: as many, in order, as it takes. */
export const toFree = (candidates: readonly Candidate[], bytes: number, policy: GcPolicy, now: number): Candidate[] => {
  const chosen: Candidate[] = []
  let freed = 0
  for (const candidate of inEvictionOrder(candidates)) {
    if (freed >= bytes) break
    if (now - candidate.firstSeen < policy.minAgeMs) continue
    chosen.push(candidate)
    freed += candidate.sizeBytes
  }
  return chosen
}

export interface ImageGcDeps {
  readonly runtime: RuntimeService
  readonly images: ImageService
  readonly records: PullRecords
  readonly policy: GcPolicy
  /** The engine is not this kubelet's alone. */
  readonly sharesImages: boolean
  /** By name: never collected. */
  readonly pauseImage: string
  readonly disk: () => Promise<Disk>
  /** Warning events about the Node. */
  readonly warn: (reason: string, message: string) => void
  readonly onCollected: (reason: 'age' | 'space') => void
  readonly now: () => number
  readonly log: Logger
}

export interface ImageGc {
  /** Every five minutes, until the signal aborts. */
  run(signal: AbortSignal): Promise<void>
  collect(): Promise<void>
  /** All that nobody uses: the disk is under pressure. */
  collectAll(): Promise<void>
}

const periodMs = 300_000

export const createImageGc = (deps: ImageGcDeps): ImageGc => {
  const { runtime, images, records, policy, now, log } = deps
  const startedAt = now()
  const seen = new Map<string, { readonly firstSeen: number; lastUsed: number }>()

  const isKept = ({ pinned, repoTags }: Image): boolean => pinned || repoTags.includes(deps.pauseImage)

  const candidates = async (at: number): Promise<Candidate[]> => {
    const [all, containers, ours] = await Promise.all([
      images.listImages(),
      runtime.listContainers(),
      deps.sharesImages ? records.pulled() : undefined,
    ])
    const used = new Set(containers.map(({ imageRef }) => imageRef))
    const present = new Set(all.map(({ id }) => id))
    for (const id of seen.keys()) if (!present.has(id)) seen.delete(id)
    const found: Candidate[] = []
    for (const image of all) {
      const entry = seen.get(image.id) ?? { firstSeen: at, lastUsed: 0 }
      seen.set(image.id, entry)
      if (used.has(image.id)) entry.lastUsed = at
      else if (!isKept(image) && ours?.has(image.id) !== false)
        found.push({ id: image.id, sizeBytes: image.sizeBytes, ...entry })
    }
    return found
  }

  /** Returns the bytes that went. One that cannot go (it is used by what we do not know) does not stop the others. */
  const remove = async (chosen: readonly Candidate[], reason: 'age' | 'space'): Promise<number> => {
    let freed = 0
    for (const { id, sizeBytes } of chosen) {
      try {
        await images.removeImage(id)
        await records.forget(id)
        seen.delete(id)
        freed += sizeBytes
        deps.onCollected(reason)
        log.info({ image: id, sizeBytes, reason }, 'image removed')
      } catch (error) {
        log.warn({ err: error, image: id }, 'an unused image cannot be removed')
      }
    }
    return freed
  }

  const collect = async (): Promise<void> => {
    const at = now()
    const all = await candidates(at)
    const old = tooOld(inEvictionOrder(all), policy, { now: at, startedAt })
    await remove(old, 'age')
    const disk = await deps.disk()
    if (disk.total === 0) return deps.warn('InvalidDiskCapacity', 'invalid capacity 0 on image filesystem')
    const wanted = bytesToFree(disk, policy)
    if (wanted <= 0) return
    const rest = all.filter((candidate) => !old.includes(candidate))
    const freed = await remove(toFree(rest, wanted, policy, at), 'space')
    if (freed >= wanted) return
    deps.warn(
      'FreeDiskSpaceFailed',
      `Failed to garbage collect required amount of images. Attempted to free ${wanted} bytes, but only found ${freed} bytes eligible to free.`,
    )
  }

  return {
    collect,
    collectAll: async () => {
      const at = now()
      await remove(toFree(await candidates(at), Number.MAX_SAFE_INTEGER, policy, at), 'space')
    },
    run: async (signal) => {
      // What is there at the start is known from then on.
      await candidates(now()).catch(() => undefined)
      while (!signal.aborted) {
        await sleep(periodMs, signal).catch(() => undefined)
        if (signal.aborted) return
        await collect().catch((error: unknown) => log.warn({ err: error }, 'images cannot be collected'))
      }
    },
  }
}
