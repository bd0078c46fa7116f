/**
 * Stored objects in protobuf. The bytes of an object are made for its first reader and kept beside its JSON for as long
 * as this version of it is; lists and watch events are joined from them. Who only speaks JSON pays nothing.
 */
import { setImmediate as immediate } from 'node:timers/promises'
import { encodeMessage, encodeProtobuf, envelopeParts, inEnvelope, itemHead } from '../codec/protobuf-encode.ts'
import { hasMessage, itemsField, messageOfKind } from '../codec/protobuf-messages.ts'
import { apiVersionOf, presented, type Resource } from '../registry/resource.ts'
import { type Format, type MediaType, textFormats } from '../server/negotiation.ts'
import { type Entry, viewOf } from '../storage/encoding.ts'
import { partialMetadata } from './table.ts'

const builtInFormats: readonly Format[] = [...textFormats, 'protobuf']

/** Custom resources have no protobuf. */
export const formatsOf = ({ definition: { group, version, kind } }: Resource): readonly Format[] =>
  hasMessage(group, version, kind) ? builtInFormats : textFormats

/** The object's message, without envelope: what a list has as its item. */
const messageBytes = (resource: Resource, entry: Entry): Buffer => {
  const { definition } = resource
  const apiVersion = apiVersionOf(definition)
  return viewOf(entry, `protobuf ${apiVersion}`, (object) =>
    encodeMessage(messageOfKind(apiVersion, definition.kind), presented(resource, object)),
  )
}

/** The object as GET answers with it and as a watch event has it. */
export const envelopedEntry = (resource: Resource, entry: Entry): Buffer =>
  inEnvelope(apiVersionOf(resource.definition), resource.definition.kind, messageBytes(resource, entry))

const partialKind = 'PartialObjectMetadata'

/** The object's metadata as an object of their own. */
export const envelopedMetadata = (entry: Entry, version: string): Buffer =>
  encodeProtobuf(partialMetadata(entry.object, version))

export interface ProtobufList {
  readonly parts: readonly Buffer[]
  readonly sizeBytes: number
}

/** Encoding this many objects takes some milliseconds; then other requests get their turn. */
const itemsPerTurn = 250

/** A list, or a list of metadata where `media` asks for it. */
export const protobufList = async (
  resource: Resource,
  media: MediaType,
  metadata: object,
  entries: readonly Entry[],
): Promise<ProtobufList> => {
  const { definition } = resource
  const [apiVersion, kind] =
    media.as === undefined
      ? [apiVersionOf(definition), definition.listKind]
      : [`meta.k8s.io/${media.as.version}`, `${partialKind}List`]
  const message = messageOfKind(apiVersion, kind)
  const { number } = itemsField(message)
  const partial = messageOfKind('meta.k8s.io/v1', partialKind)
  const itemBytes = (entry: Entry): Buffer =>
    media.as === undefined
      ? messageBytes(resource, entry)
      : encodeMessage(partial, { metadata: entry.object.metadata ?? {} })

  const items: Buffer[] = []
  for (const [index, entry] of entries.entries()) {
    if (index > 0 && index % itemsPerTurn === 0) await immediate()
    const bytes = itemBytes(entry)
    items.push(itemHead(number, bytes.length), bytes)
  }
  const metadataBytes = encodeMessage(message, { metadata })
  // Fields are in order of their numbers: v1beta1's list of metadata has its items first.
  const content = number === 1 ? [...items, metadataBytes] : [metadataBytes, ...items]
  const size = sizeOf(content)
  const [head, tail] = envelopeParts(apiVersion, kind, size)
  return { parts: [head, ...content, tail], sizeBytes: head.length + size + tail.length }
}

const sizeOf = (parts: readonly Buffer[]): number => parts.reduce((size, part) => size + part.length, 0)
