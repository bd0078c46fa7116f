/** Serves what CustomResourceDefinitions declare, and stops when they go. */
import { customKind } from '../../api/apiextensions/custom-kind.ts'
import { unimplemented } from '../../api/meta/status-error.ts'
import type { KindDefinition } from '../../api/kind.ts'
import type { CustomResourceDefinition } from '../../api/types.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { Resources } from '../registry/resources.ts'
import { isEstablished, nameOf } from './crd-conditions.ts'

/** Objects are kept in their storage version; the others need a webhook that is not called yet. */
const withoutConversion = (kind: KindDefinition): KindDefinition => {
  if (kind.storedAs === undefined) return kind
  const refuse = (): never => {
    throw unimplemented('conversion of custom resources by a webhook')
  }
  return { ...kind, storedAs: { ...kind.storedAs, toStored: refuse, fromStored: refuse } }
}

/** A definition that goes takes no new objects. */
const withoutCreation = (kind: KindDefinition): KindDefinition => ({
  ...kind,
  verbs: kind.verbs.filter((verb) => verb !== 'create'),
})

const kindsOf = (definition: CustomResourceDefinition): readonly KindDefinition[] => {
  const { versions, conversion } = definition.spec
  const stored = versions.find(({ storage }) => storage)
  if (stored === undefined) return []
  const storage = customKind(definition, stored, undefined)
  const byWebhook = conversion?.strategy === 'Webhook'
  const kinds = versions
    .filter(({ served }) => served)
    .map((version) => {
      if (version === stored) return storage
      const kind = customKind(definition, version, storage)
      return byWebhook ? withoutConversion(kind) : kind
    })
  return definition.metadata?.deletionTimestamp === undefined ? kinds : kinds.map(withoutCreation)
}

interface Served {
  readonly definition: CustomResourceDefinition
  readonly text: string
  readonly group: string
  readonly plural: string
}

export class CustomServer {
  readonly #resources: Resources
  readonly #log: Logger
  readonly #changed: () => void
  /** What is served of each definition: as text, and where. */
  readonly #served = new Map<string, Served>()

  /** `changed` is told when the set of resources is another. */
  constructor(resources: Resources, log: Logger, changed: () => void) {
    this.#resources = resources
    this.#log = log
    this.#changed = changed
  }

  /** Serves these definitions, and no others. */
  serve(definitions: readonly CustomResourceDefinition[]): void {
    let changed = false
    const wanted = new Map(definitions.filter(isEstablished).map((definition) => [nameOf(definition), definition]))
    for (const [name, { group, plural }] of this.#served) {
      if (wanted.has(name)) continue
      this.#resources.remove(group, plural)
      this.#served.delete(name)
      changed = true
    }
    for (const [name, definition] of wanted) {
      const { group, names } = definition.spec
      const known = this.#served.get(name)
      // A stored object never changes: the same one needs no look.
      if (known?.definition === definition) continue
      const text = JSON.stringify([definition.spec, definition.metadata?.deletionTimestamp])
      this.#served.set(name, { definition, text, group, plural: names.plural })
      if (known?.text === text) continue
      this.#resources.remove(group, names.plural)
      try {
        for (const kind of kindsOf(definition)) this.#resources.add(kind)
      } catch (err) {
        // One that was stored by somebody more lenient must not keep the others from being served.
        this.#log.error({ err, definition: name }, 'a CustomResourceDefinition cannot be served')
      }
      changed = true
    }
    if (changed) this.#changed()
  }
}
