/** What the server does to metadata on every write. Upstream: rest.BeforeCreate and rest.BeforeUpdate. */
import { randomUUID } from 'node:crypto'
import type { KindDefinition } from '../../api/kind.ts'
import { nowRfc3339 } from '../../api/meta/time.ts'
import type { KubeObject, ObjectMeta } from '../../api/types.ts'
import { randomSuffix } from '../../component-base/random.ts'
import { equalJson } from '../storage/json.ts'

const maxNameLength = 63
const suffixLength = 5

/** `web-` becomes `web-x7k2p`; a long base is cut so that the name stays a label. */
export const generateName = (base: string): string =>
  `${base.slice(0, maxNameLength - suffixLength)}${randomSuffix(suffixLength)}`

/** The object's metadata, made if it has none. */
export const metadataOf = (object: KubeObject): ObjectMeta => (object.metadata ??= {})

/** System fields of a new object; the name is made by the caller, who may have to try again. */
export const fillSystemFields = (object: KubeObject, definition: KindDefinition, nowMs: number): void => {
  const metadata = metadataOf(object)
  metadata.uid = randomUUID()
  metadata.creationTimestamp = nowRfc3339(nowMs)
  delete metadata.resourceVersion
  delete metadata.selfLink
  delete metadata.deletionTimestamp
  delete metadata.deletionGracePeriodSeconds
  if (definition.hasGeneration) metadata.generation = 1
  else delete metadata.generation
}

/** Puts back the system fields that a client may leave out or may not set. */
export const keepSystemFields = (object: KubeObject, old: KubeObject): void => {
  const metadata = metadataOf(object)
  const before = old.metadata ?? {}
  if (metadata.uid === undefined || metadata.uid === '') metadata.uid = before.uid
  metadata.creationTimestamp = before.creationTimestamp
  restore(metadata, before, 'deletionTimestamp')
  restore(metadata, before, 'deletionGracePeriodSeconds')
  restore(metadata, before, 'generation')
  delete metadata.selfLink
}

const restore = <K extends keyof ObjectMeta>(metadata: ObjectMeta, before: ObjectMeta, field: K): void => {
  if (before[field] === undefined) delete metadata[field]
  else metadata[field] = before[field]
}

/** True if anything but metadata and status differs: what metadata.generation counts. */
export const specChanged = (object: KubeObject, old: KubeObject): boolean => {
  const fields = new Set([...Object.keys(object), ...Object.keys(old)])
  for (const field of fields) {
    if (field === 'metadata' || field === 'status' || field === 'kind' || field === 'apiVersion') continue
    if (!equalJson(object[field], old[field])) return true
  }
  return false
}
