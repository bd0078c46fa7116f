/** Static Pods: manifests in a folder (or one file). Upstream: pkg/kubelet/config/file.go. */
import { createHash } from 'node:crypto'
import { type FSWatcher, watch } from 'node:fs'
import { mkdir, readdir, readFile, stat } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { loadAll } from 'js-yaml'
import { podKind } from '../../api/core/pod/pod.ts'
import type { Pod } from '../../api/types.ts'
import { sleep } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import {
  asBoundPod,
  type BoundPod,
  configHashAnnotation,
  configSeenAnnotation,
  configSourceAnnotation,
} from '../pod.ts'

export interface FileSourceOptions {
  readonly path: string
  readonly nodeName: string
  readonly checkMs: number
  /** Told of the whole set each time it may have changed. */
  readonly onPods: (pods: readonly BoundPod[]) => void
  readonly log: Logger
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

export interface ManifestOrigin {
  /** Path or URL. */
  readonly file: string
  readonly nodeName: string
  readonly source: 'file' | 'http'
}

/**
 * What a manifest becomes: bound to this node, named after it, with a UID from its contents, so that a changed file
 * is another Pod. Throws on anything but a Pod.
 */
export const staticPod = (manifest: unknown, { file, nodeName, source }: ManifestOrigin): BoundPod => {
  if (!isRecord(manifest) || manifest['apiVersion'] !== 'v1' || manifest['kind'] !== 'Pod') {
    throw new Error(`${file}: expected a v1 Pod`)
  }
  const pod = structuredClone(manifest) as Pod
  const metadata = pod.metadata ?? {}
  if (metadata.name === undefined || pod.spec === undefined) throw new Error(`${file}: the Pod has no name or no spec`)
  const hash = createHash('md5').update(JSON.stringify(manifest)).update(nodeName).update(file).digest('hex')
  const uid = metadata.uid ?? hash
  pod.metadata = {
    ...metadata,
    name: `${metadata.name}-${nodeName}`,
    namespace: metadata.namespace ?? 'default',
    uid,
    annotations: {
      ...metadata.annotations,
      [configHashAnnotation]: uid,
      [configSourceAnnotation]: source,
      [configSeenAnnotation]: new Date().toISOString(),
    },
  }
  pod.spec.nodeName = nodeName
  // Static Pods stay whatever happens to the node.
  pod.spec.tolerations = [...(pod.spec.tolerations ?? []), { operator: 'Exists', effect: 'NoExecute' }]
  podKind.setDefaults?.(pod)
  const bound = asBoundPod(pod)
  if (bound === undefined) throw new Error(`${file}: not a Pod`)
  return bound
}

const manifestFiles = async (path: string): Promise<string[]> => {
  const info = await stat(path).catch(() => undefined)
  if (info === undefined) return []
  if (info.isFile()) return [path]
  const names = await readdir(path)
  return names
    .filter((name) => !name.startsWith('.') && ['.yaml', '.yml', '.json'].includes(extname(name)))
    .toSorted()
    .map((name) => join(path, name))
}

/** Runs until the signal aborts: reads at the start, at every change that the kernel tells of, and now and then. */
export const runFileSource = async (options: FileSourceOptions, signal: AbortSignal): Promise<void> => {
  const { path, nodeName, checkMs, onPods, log } = options
  /** By file: a Pod keeps its identity and its first-seen time while its file stays the same. */
  let cache = new Map<string, { text: string; pods: BoundPod[] }>()

  const read = async (): Promise<void> => {
    const next: typeof cache = new Map()
    for (const file of await manifestFiles(path)) {
      try {
        const text = await readFile(file, 'utf8')
        const known = cache.get(file)
        next.set(
          file,
          known?.text === text
            ? known
            : {
                text,
                pods: loadAll(text)
                  .filter((document) => document !== null)
                  .map((manifest) => staticPod(manifest, { file, nodeName, source: 'file' })),
              },
        )
      } catch (error) {
        // Half-written or wrong: what ran of it goes on.
        const known = cache.get(file)
        if (known !== undefined) next.set(file, known)
        log.warn({ err: error, file }, 'cannot read a static pod manifest')
      }
    }
    cache = next
    onPods([...cache.values()].flatMap(({ pods }) => pods))
  }

  await mkdir(path, { recursive: true }).catch(() => undefined)
  let wakeUp = (): void => undefined
  let watcher: FSWatcher | undefined
  try {
    watcher = watch(path, () => wakeUp())
    watcher.on('error', () => undefined)
  } catch (error) {
    log.warn({ err: error, path }, 'static pods are read by time only')
  }
  try {
    while (!signal.aborted) {
      await read()
      await Promise.race([sleep(checkMs, signal), new Promise<void>((resolve) => (wakeUp = resolve))])
      // An editor writes in steps.
      await sleep(50, signal)
    }
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    watcher?.close()
  }
}
