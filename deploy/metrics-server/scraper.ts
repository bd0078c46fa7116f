/**
 * Asks kubelets for their resource use when somebody wants to know, and not otherwise: an idle cluster stays idle.
 * The first question after a while takes two tellings, a second apart; later ones use the last two.
 */
import { nodes } from '../../api/resources.ts'
import type { Node } from '../../api/types.ts'
import type { RestClient } from '../../client/rest/rest-client.ts'
import { type Clock, sleep } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import { type NodeSample, parseResourceMetrics } from './samples.ts'

export interface ScrapedNode {
  readonly object: Node
  readonly before: NodeSample
  readonly after: NodeSample
}

export interface ScraperOptions {
  readonly client: RestClient
  /** The body of a path of a node's kubelet. */
  readonly readKubelet: (node: Node, path: string) => Promise<string>
  /** What was told is good for so long. */
  readonly resolutionMs: number
  readonly clock: Clock
  readonly log: Logger
  readonly signal: AbortSignal
}

/** Between the two tellings after a pause: long enough for a rate. */
const firstWindowMs = 1_000

interface Round {
  readonly atMs: number
  readonly objects: readonly Node[]
  readonly samples: ReadonlyMap<string, NodeSample>
}

/** Whether some container is in the later round alone: of it nothing can be told yet. */
const hasNewcomers = (before: Round, after: Round): boolean =>
  [...after.samples].some(([node, { pods }]) =>
    [...pods].some(([pod, containers]) => {
      const known = before.samples.get(node)?.pods.get(pod)
      return [...containers.keys()].some((container) => known?.has(container) !== true)
    }),
  )

const nameOf = ({ metadata }: Node): string => metadata?.name ?? ''

export interface Scraper {
  /** All nodes that told something twice. */
  readonly current: () => Promise<ReadonlyMap<string, ScrapedNode>>
}

export const createScraper = ({ client, readKubelet, resolutionMs, clock, log, signal }: ScraperOptions): Scraper => {
  let last: readonly [Round, Round] | undefined
  let running: Promise<readonly [Round, Round]> | undefined

  const round = async (): Promise<Round> => {
    const atMs = clock.now()
    const { items } = await client.list(nodes, { signal })
    const samples = new Map<string, NodeSample>()
    await Promise.all(
      items.map(async (node) => {
        try {
          samples.set(nameOf(node), parseResourceMetrics(await readKubelet(node, '/metrics/resource'), clock.now()))
        } catch (err) {
          log.warn({ err, node: nameOf(node) }, 'cannot read the resource use of a node')
        }
      }),
    )
    return { atMs, objects: items, samples }
  }

  const refresh = async (): Promise<readonly [Round, Round]> => {
    // What is older than two rounds says little of now.
    const isRecent = last !== undefined && clock.now() - last[1].atMs < 2 * resolutionMs
    const before = isRecent && last !== undefined ? last[1] : await round()
    if (!isRecent) await sleep(firstWindowMs, signal, clock)
    last = [before, await round()]
    if (hasNewcomers(...last)) {
      await sleep(firstWindowMs, signal, clock)
      last = [last[1], await round()]
    }
    return last
  }

  const rounds = (): Promise<readonly [Round, Round]> => {
    if (last !== undefined && clock.now() - last[1].atMs < resolutionMs) return Promise.resolve(last)
    // Those who ask at one time wait for one answer.
    running ??= refresh().finally(() => (running = undefined))
    return running
  }

  return {
    current: async () => {
      const [before, after] = await rounds()
      const scraped = after.objects.flatMap((object): [string, ScrapedNode][] => {
        const name = nameOf(object)
        const [first, second] = [before.samples.get(name), after.samples.get(name)]
        return first === undefined || second === undefined ? [] : [[name, { object, before: first, after: second }]]
      })
      return new Map(scraped)
    },
  }
}
