/** Protobuf field numbers of the definitions that are kept. */
import type { ProtobufTable } from './table-format.ts'

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** `io.k8s.kube-aggregator.….APIService` is `k8s.io.kube_aggregator.….APIService` in protobuf. */
const messageName = (definition: string): string => definition.replace(/^io\.k8s\./, 'k8s.io.').replaceAll('-', '_')

/** Answers that OpenAPI has no definition of. */
const undefinedMessages = [
  'k8s.io.api.apidiscovery.v2.APIGroupDiscoveryList',
  'k8s.io.api.apidiscovery.v2beta1.APIGroupDiscoveryList',
  'k8s.io.apimachinery.pkg.apis.meta.v1.APIVersions',
  'k8s.io.apimachinery.pkg.apis.meta.v1.PartialObjectMetadata',
  'k8s.io.apimachinery.pkg.apis.meta.v1.PartialObjectMetadataList',
  'k8s.io.apimachinery.pkg.apis.meta.v1beta1.PartialObjectMetadataList',
]

/**
 * The messages that definitions have, and those that these messages embed (VolumeSource, Handler …), each as
 * field → [number, type], the type with a trailing `[]` where it repeats, `?` where it is only written when set.
 */
export const protobufTable = (
  facts: unknown,
  pointers: Readonly<Record<string, readonly number[]>>,
  definitions: readonly string[],
): ProtobufTable => {
  if (!isRecord(facts)) throw new Error('the protobuf facts are no object')
  const table: Record<string, Record<string, readonly [number, string]>> = {}
  const pending = [...undefinedMessages, ...definitions.map(messageName)]
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    const message = facts[name]
    if (table[name] !== undefined || !isRecord(message)) continue
    const scope = name.slice(0, name.lastIndexOf('.'))
    /** Types of the same package are written without it, some of others with a leading dot. */
    const fullName = (type: string): string =>
      facts[`${scope}.${type}`] === undefined ? type.replace(/^\./, '') : `${scope}.${type}`
    const row: Record<string, readonly [number, string]> = {}
    table[name] = row
    for (const [field, value] of Object.entries(message)) {
      if (!Array.isArray(value)) continue
      const [number, type, label] = value as [number, string, string]
      const [, keyType, valueType] = /^map<(\w+), (.+)>$/.exec(type) ?? []
      const element = fullName(valueType ?? type)
      const resolved = keyType === undefined ? element : `map<${keyType}, ${element}>`
      const mark = label === 'repeated' ? '[]' : pointers[name]?.includes(number) === true ? '?' : ''
      row[field] = [number, resolved + mark]
      pending.push(element)
    }
  }
  return table
}
