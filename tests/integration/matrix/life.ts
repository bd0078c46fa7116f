/** One object of a row from its creation to its end, and what the steps ask it with. */
import assert from 'node:assert/strict'
import type { KubeObject } from '../../../api/types.ts'
import { applyMergePatch } from '../../../api/patch/merge-patch.ts'
import type { Answer } from '../../harness/http.ts'
import { apiVersionOf, sampleOf } from './corpus.ts'
import type { Row } from './rows.ts'
import type { Matrix } from './running.ts'
import type { WatchReader } from './watch-reader.ts'

export interface Life {
  readonly row: Row
  readonly matrix: Matrix
  /** Path of the collection, in the row's own namespace where there is one. */
  readonly collection: string
  /** The collection across all namespaces. */
  readonly everywhere: string
  readonly path: string
  readonly name: string
  /** Value of the label `matrix` of all objects of this row. */
  readonly id: string
  /** The object as the server told of it last. */
  object: KubeObject
  /** Versions that a watch has to see, in order. */
  readonly versions: string[]
  watch: WatchReader | undefined
}

export interface Step {
  readonly name: string
  readonly applies?: (row: Row) => boolean
  readonly run: (life: Life) => Promise<void>
}

/** A label value, and the row's namespace. */
export const idOf = ({ key }: Row): string => `matrix-${key.replaceAll('.', '-')}`.slice(0, 63).replace(/-+$/, '')

/** In the row's own namespace unless told else. */
export const newLife = (row: Row, matrix: Matrix, namespace = idOf(row)): Life => {
  const { facts } = row
  const id = idOf(row)
  const base = facts.group === '' ? `/api/${facts.version}` : `/apis/${apiVersionOf(facts)}`
  const object = sampleOf(facts, namespace)
  object.metadata = { ...object.metadata, labels: { matrix: id, step: 'created' } }
  const name = object.metadata.name ?? ''
  const everywhere = `${base}/${facts.name}`
  const collection = facts.namespaced ? `${base}/namespaces/${namespace}/${facts.name}` : everywhere
  const path = `${collection}/${encodeURIComponent(name)}`
  return { row, matrix, collection, everywhere, path, name, id, object, versions: [], watch: undefined }
}

export const patched = (object: KubeObject, patch: object): KubeObject =>
  applyMergePatch(structuredClone(object), patch) as unknown as KubeObject

/** Another valid object of the row, of that name where names are free. */
export const secondOf = ({ row, id }: Life, name: string): KubeObject => {
  const sample = sampleOf(row.facts, id)
  sample.metadata = { ...sample.metadata, labels: { matrix: id, step: name } }
  return patched(sample, row.rules.second ?? { metadata: { name } })
}

const mediaTypes = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
} as const

export type PatchType = keyof typeof mediaTypes

export const send = (life: Life, method: string, path: string, body?: unknown): Promise<Answer> =>
  life.matrix.http(path, { method, ...(body === undefined ? {} : { body }) })

export const patchOf = (life: Life, type: PatchType, path: string, body: unknown): Promise<Answer> =>
  life.matrix.http(path, { method: 'PATCH', body, headers: { 'content-type': mediaTypes[type] } })

export const objectOf = ({ json }: Answer): KubeObject => json as unknown as KubeObject

/** The answer's object; throws with the answer if its code is another. */
export const expectObject = (answer: Answer, code = 200): KubeObject => {
  assert.equal(answer.code, code, answer.text)
  return objectOf(answer)
}

/** Takes note of a write that must have made a new version, which a watch has to see. */
export const changed = (life: Life, answer: Answer, code = 200): KubeObject => {
  const object = expectObject(answer, code)
  const version = object.metadata?.resourceVersion ?? ''
  assert.notEqual(version, life.object.metadata?.resourceVersion, 'the resourceVersion after a change')
  life.object = object
  life.versions.push(version)
  return object
}

/** The object as it is stored now. */
export const stored = async (life: Life): Promise<KubeObject> => expectObject(await send(life, 'GET', life.path))

/** Throws unless what is stored is still what was told last, to the letter. */
export const expectUnchanged = async (life: Life, what: string): Promise<void> =>
  assert.deepEqual(await stored(life), life.object, `stored after ${what}`)

interface Failure {
  readonly code: number
  readonly reason: string
  readonly message: string
  readonly details?: object
}

/** Compares the whole Status. */
export const expectFailure = (answer: Answer, { code, reason, message, details }: Failure): void => {
  const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason }
  assert.deepEqual(answer.json, { ...status, ...(details === undefined ? {} : { details }), code })
}

/** `deployments.apps`, as messages name a resource. */
export const qualified = ({ facts }: Row): string => (facts.group === '' ? facts.name : `${facts.name}.${facts.group}`)

export const detailsOf = ({ facts: { group, name: kind } }: Row, name: string): object => ({
  name,
  ...(group === '' ? {} : { group }),
  kind,
})

export const notFound = (row: Row, name: string): Failure => ({
  code: 404,
  reason: 'NotFound',
  message: `${qualified(row)} "${name}" not found`,
  details: detailsOf(row, name),
})

/** Without what every write changes. */
export const content = (object: KubeObject): KubeObject => {
  const {
    managedFields: _fields,
    resourceVersion: _version,
    generation: _generation,
    ...metadata
  } = object.metadata ?? {}
  return { ...object, metadata }
}
