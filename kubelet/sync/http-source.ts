/** Static Pods from a URL: `staticPodURL`. Upstream: pkg/kubelet/config/http.go. */
import { loadAll } from 'js-yaml'
import { sleep } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { BoundPod } from '../pod.ts'
import { staticPod } from './file-source.ts'

export interface HttpSourceOptions {
  readonly url: string
  readonly headers: Readonly<Record<string, readonly string[]>>
  readonly nodeName: string
  readonly checkMs: number
  /** Told of the whole set when the answer has changed. */
  readonly onPods: (pods: readonly BoundPod[]) => void
  readonly log: Logger
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

/** A Pod, a PodList, or several documents. */
const manifestsOf = (text: string): unknown[] =>
  loadAll(text).flatMap((document) => {
    if (!isRecord(document)) return []
    const { kind, items } = document
    return kind === 'PodList' && Array.isArray(items)
      ? items.map((item: unknown) => (isRecord(item) ? { apiVersion: 'v1', kind: 'Pod', ...item } : item))
      : [document]
  })

/** Asks until the signal aborts; while there is no good answer the Pods of the last one go on. */
export const runHttpSource = async (options: HttpSourceOptions, signal: AbortSignal): Promise<void> => {
  const { url, nodeName, checkMs, onPods, log } = options
  const headers = Object.entries(options.headers).flatMap(([name, values]) =>
    values.map((value): [string, string] => [name, value]),
  )
  let last: string | undefined
  const ask = async (): Promise<void> => {
    const response = await fetch(url, { headers, signal: AbortSignal.any([signal, AbortSignal.timeout(10_000)]) })
    const text = await response.text()
    if (!response.ok) throw new Error(`${url}: ${response.status} ${response.statusText}`)
    if (text === '') throw new Error(`zero-length data received from ${url}`)
    if (text === last) return
    const pods = manifestsOf(text).map((manifest) => staticPod(manifest, { file: url, nodeName, source: 'http' }))
    last = text
    onPods(pods)
  }
  while (!signal.aborted) {
    await ask().catch((error: unknown) => {
      if (!signal.aborted) log.warn({ err: error, url }, 'cannot read static pods from a URL')
    })
    await sleep(checkMs, signal).catch(() => undefined)
  }
}
