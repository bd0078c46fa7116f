/** Label and field selectors of a request, as one function over stored objects. */
import type { KindDefinition } from '../../api/kind.ts'
import { parseFieldSelector } from '../../api/meta/fields.ts'
import { parseLabelSelector } from '../../api/meta/labels.ts'
import { badRequest } from '../../api/meta/status-error.ts'
import type { KubeObject } from '../../api/types.ts'
import { presented, type Resource } from '../registry/resource.ts'
import type { Matches } from '../storage/watch-cache/cache-event.ts'

type Getter = (object: KubeObject) => string

const metadataFields: Readonly<Record<string, Getter>> = {
  'metadata.name': (object) => object.metadata?.name ?? '',
  'metadata.namespace': (object) => object.metadata?.namespace ?? '',
}

const notKnown = (field: string): string =>
  `${JSON.stringify(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`
const notSupported = (field: string): string => `field label not supported: ${field}`

/** A cluster-scoped kind takes the namespace only where nothing else of its own is selectable: upstream's default. */
const hasMetadataField = ({ scope, selectableFields }: KindDefinition, field: string): boolean =>
  field === 'metadata.name' || scope === 'Namespaced' || selectableFields === undefined

const getterOf = (definition: KindDefinition, field: string): Getter => {
  const { selectableFields, notSelectable = selectableFields === undefined ? notKnown : notSupported } = definition
  const known = Object.hasOwn(metadataFields, field) ? metadataFields[field] : undefined
  if (known !== undefined && hasMetadataField(definition, field)) return known
  const own = Object.hasOwn(selectableFields ?? {}, field) ? selectableFields?.[field] : undefined
  if (own !== undefined) return own
  throw badRequest(notSelectable(field))
}

/** undefined matches everything. Throws BadRequest for malformed selectors and fields that the kind does not offer. */
export const matcherFor = (resource: Resource, labelSelector: string, fieldSelector: string): Matches | undefined => {
  const tests: Matches[] = []
  if (labelSelector !== '') {
    const labels = parseLabelSelector(labelSelector)
    tests.push((object) => labels(object.metadata?.labels))
  }
  for (const { field, op, value } of fieldSelector === '' ? [] : parseFieldSelector(fieldSelector)) {
    const get = getterOf(resource.definition, field)
    const wanted = op === '='
    const of: Getter = Object.hasOwn(metadataFields, field) ? get : (object) => get(presented(resource, object))
    tests.push((object) => (of(object) === value) === wanted)
  }
  const [first, second] = tests
  if (first === undefined) return undefined
  if (second === undefined) return first
  return (object) => tests.every((test) => test(object))
}
