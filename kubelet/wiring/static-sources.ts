/** Static Pods, from a folder and from a URL: the sync loop is told of all of both whenever one of them has news. */
import type { BoundPod } from '../pod.ts'
import { runFileSource } from '../sync/file-source.ts'
import { runHttpSource } from '../sync/http-source.ts'
import type { Base } from './base.ts'

export interface StaticSources {
  /** Run until the signal aborts. */
  readonly tasks: readonly Promise<unknown>[]
  /** Each resolves when its source has told its Pods once. */
  readonly ready: readonly Promise<void>[]
}

export const runStaticSources = (
  { config, log, signal }: Base,
  onPods: (pods: readonly BoundPod[]) => void,
): StaticSources => {
  const found = new Map<'file' | 'http', readonly BoundPod[]>()
  const ready: Promise<void>[] = []
  const tasks: Promise<unknown>[] = []
  const toldBy = (name: 'file' | 'http'): ((pods: readonly BoundPod[]) => void) => {
    const first = Promise.withResolvers<void>()
    ready.push(first.promise)
    return (pods) => {
      found.set(name, pods)
      onPods([...found.values()].flat())
      first.resolve()
    }
  }
  const { nodeName } = config
  if (config.staticPodPath !== '') {
    const { staticPodPath: path, fileCheckFrequencyMs: checkMs } = config
    tasks.push(runFileSource({ path, nodeName, checkMs, onPods: toldBy('file'), log }, signal))
  }
  if (config.staticPodUrl !== '') {
    const { staticPodUrl: url, staticPodUrlHeader: headers, httpCheckFrequencyMs: checkMs } = config
    tasks.push(runHttpSource({ url, headers, nodeName, checkMs, onPods: toldBy('http'), log }, signal))
  }
  return { tasks, ready }
}
