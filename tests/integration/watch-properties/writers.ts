/** Clients that create, update, patch and delete by chance, and bear whatever comes. */
import { Agent } from 'node:https'
import { setTimeout as delay } from 'node:timers/promises'
import type { KubeObject } from '../../../api/types.ts'
import { createHttpTo, type Answer, type Http } from '../../harness/http.ts'
import { type SeededRandom, seededRandom } from '../../harness/seeded-random.ts'
import type { Identity } from './streams.ts'

export interface Kind {
  readonly resource: string
  readonly kind: string
  readonly apiVersion: string
  /** `/api/v1/namespaces/a/configmaps`: where its objects are written; one a namespace. */
  readonly collections: readonly [string, ...string[]]
  /** What all namespaces together are read by. */
  readonly path: string
  /** Below the root of the store: `/registry/configmaps/`. */
  readonly storePrefix: string
  /** The fields of an object beside its metadata. */
  readonly content: (random: SeededRandom) => Record<string, unknown>
}

export interface Writers {
  /** The newest revision that was acknowledged to any of them. */
  readonly acknowledged: () => number
  /** Every write that was acknowledged with an object: its resource, key and revision. */
  readonly written: readonly { readonly resource: string; readonly key: string; readonly revision: number }[]
  readonly count: () => number
  /** Writes until `stop`; several may run at once. */
  readonly start: (random: SeededRandom) => { readonly stop: () => Promise<void> }
  /** Creates one object that every view sees in each collection, and gives the highest of their revisions. */
  readonly mark: (name: string) => Promise<number>
}

const names = 12
const colors = ['red', 'blue'] as const
const merge = { 'content-type': 'application/merge-patch+json' }

export const createWriters = (
  servers: readonly [string, ...string[]],
  kinds: readonly [Kind, ...Kind[]],
  identity: Identity,
): Writers & Disposable => {
  const { ca, cert, key } = identity
  const agent = new Agent({ keepAlive: true })
  const clients = servers.map((server) => createHttpTo({ server, ca, agent }, { cert, key }))
  const [first] = clients
  if (first === undefined) throw new Error('no servers')
  const all: [Http, ...Http[]] = [first, ...clients.slice(1)]
  const written: { resource: string; key: string; revision: number }[] = []
  let acknowledged = 0
  let count = 0

  const note = ({ resource }: Kind, { code, json }: Answer): void => {
    const { metadata } = json as KubeObject
    const revision = Number(metadata?.resourceVersion)
    if (code > 201 || metadata?.name === undefined || !(revision > 0)) return
    const name = metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`
    // An unchanged object answers with its old revision: that was acknowledged before.
    written.push({ resource, key: name, revision })
    acknowledged = Math.max(acknowledged, revision)
  }

  const objectOf = ({ kind, apiVersion, content }: Kind, name: string, random: SeededRandom): KubeObject => ({
    kind,
    apiVersion,
    metadata: { name, labels: { color: random.pick(colors), n: String(random.below(1000)) } },
    ...content(random),
  })

  const writeOnce = async (random: SeededRandom): Promise<void> => {
    const http = random.pick(all)
    const kind = random.pick(kinds)
    const collection = random.pick(kind.collections)
    const name = `object-${random.below(names)}`
    const path = `${collection}/${name}`
    switch (random.below(10)) {
      case 0:
      case 1:
      case 2:
        return note(kind, await http(collection, { method: 'POST', body: objectOf(kind, name, random) }))
      case 3: {
        const { code, json } = await http(path)
        if (code !== 200) return
        const { metadata, ...rest } = json as KubeObject
        const body = { ...rest, metadata: { ...metadata, annotations: { n: String(random.below(1e6)) } } }
        return note(kind, await http(path, { method: 'PUT', body }))
      }
      case 4:
      case 5:
      case 6:
      case 7: {
        const body = { metadata: { labels: { color: random.pick(colors), n: String(random.below(1e6)) } } }
        return note(kind, await http(path, { method: 'PATCH', body, headers: merge }))
      }
      case 8:
        await http(path, { method: 'DELETE' })
        return
      default:
        if (random.oneIn(6)) await http(`${collection}?labelSelector=color%3Dred`, { method: 'DELETE' })
    }
  }

  return {
    acknowledged: () => acknowledged,
    written,
    count: () => count,
    start: (random) => {
      let stopped = false
      const done = (async () => {
        while (!stopped) {
          try {
            await writeOnce(random)
            count++
          } catch {
            // In doubt: whether it happened the store knows, and is asked.
            await delay(20)
          }
        }
      })()
      return {
        stop: async () => {
          stopped = true
          await done
        },
      }
    },
    mark: async (name) => {
      let highest = 0
      for (const kind of kinds) {
        for (const collection of kind.collections) {
          const body = {
            kind: kind.kind,
            apiVersion: kind.apiVersion,
            metadata: { name, labels: { color: 'blue' } },
            ...kind.content(seededRandom(1)),
          }
          const answer = await all[0](collection, { method: 'POST', body })
          if (answer.code !== 201) throw new Error(`${collection}: ${answer.code} ${answer.text}`)
          highest = Math.max(highest, Number((answer.json as KubeObject).metadata?.resourceVersion))
        }
      }
      return highest
    },
    [Symbol.dispose]: () => agent.destroy(),
  }
}
