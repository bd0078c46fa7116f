/** A valid, minimal object of every kind: those of the kubectl tests, and what they leave out. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadAll } from 'js-yaml'
import type { KubeObject } from '../../../api/types.ts'
import type { ResourceFacts } from './discovery-facts.ts'

const read = (file: string): KubeObject[] =>
  (loadAll(readFileSync(join(import.meta.dirname, file), 'utf8')) as (KubeObject | undefined)[]).filter(
    (document) => document !== undefined && document !== null,
  )

const keyOf = (apiVersion: string, kind: string): string => `${apiVersion} ${kind}`

const samples: ReadonlyMap<string, KubeObject> = new Map(
  [...read('../kubectl/every-kind.yaml'), ...read('more-kinds.yaml')].map((object) => [
    keyOf(object.apiVersion ?? '', object.kind ?? ''),
    object,
  ]),
)

export const apiVersionOf = ({ group, version }: ResourceFacts): string =>
  group === '' ? version : `${group}/${version}`

/** A new copy of the kind's object in that namespace; throws where the corpus has none. */
export const sampleOf = (facts: ResourceFacts, namespace: string): KubeObject => {
  const sample = samples.get(keyOf(apiVersionOf(facts), facts.kind))
  if (sample === undefined) throw new Error(`the corpus has no ${apiVersionOf(facts)} ${facts.kind}`)
  const copy = structuredClone(sample)
  if (!facts.namespaced) return copy
  // Objects that name their own namespace elsewhere name the one they are made in.
  return JSON.parse(JSON.stringify(copy).replaceAll('"namespace":"kinds"', `"namespace":"${namespace}"`)) as KubeObject
}
