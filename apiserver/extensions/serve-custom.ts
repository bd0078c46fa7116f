/** Serves what CustomResourceDefinitions declare, and stops when they go. */
import { customKind } from '../../api/apiextensions/custom-kind.ts'
import type { CustomSchema, KindDefinition } from '../../api/kind.ts'
import type { CustomResourceDefinition } from '../../api/types.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import { apiVersionOf, type VersionConversion } from '../registry/resource.ts'
import type { CustomVersion, CustomVersions, Resources } from '../registry/resources.ts'
import type { StoreDependencies } from '../storage/resource-store.ts'
import { cloneJson } from '../storage/json.ts'
import { type Converter, converterOf, type WebhookDependencies } from './conversion/converter.ts'
import { createVersionCodec, then } from './conversion/version-codec.ts'
import { VersionHub } from './conversion/version-hub.ts'
import { ConversionMemory, versionStore } from './conversion/version-store.ts'
import { isEstablished, nameOf } from './crd-conditions.ts'

/** A definition that goes takes no new objects. */
const withoutCreation = (kind: KindDefinition): KindDefinition => ({
  ...kind,
  verbs: kind.verbs.filter((verb) => verb !== 'create'),
})

type Schemas = ReadonlyMap<string, CustomSchema>

/** From version to version while a request is under way: admission and the owners of fields see other versions. */
const conversionOf = (schemas: Schemas, converter: Converter): VersionConversion => ({
  waits: converter.waits,
  convert: (object, apiVersion) =>
    then(converter.convert([object], apiVersion), ([converted]) => {
      if (converted === undefined || converted === object) return object
      const own = cloneJson(converted)
      schemas.get(apiVersion)?.prune(own)
      return own
    }),
})

/** All versions of a definition, each with the store as it sees it; undefined where none is stored. */
const versionsOf = (
  definition: CustomResourceDefinition,
  deps: StoreDependencies,
  webhooks: WebhookDependencies,
  log: Logger,
): CustomVersions | undefined => {
  const storage = definition.spec.versions.find((version) => version.storage)
  if (storage === undefined) return undefined
  const others = definition.spec.versions.filter((version) => version !== storage)
  const going = definition.metadata?.deletionTimestamp !== undefined
  const kinds = [storage, ...others].map((version) => {
    const kind = customKind(definition, version)
    return { kind: going ? withoutCreation(kind) : kind, served: version.served }
  })
  const schemas: Schemas = new Map(
    kinds.flatMap(({ kind }) => (kind.custom === undefined ? [] : [[apiVersionOf(kind), kind.custom] as const])),
  )
  const converter = converterOf(definition, webhooks)
  const stored = customKind(definition, storage)
  const versions = kinds.map(({ kind, served }): CustomVersion => {
    const options = { shown: apiVersionOf(kind), stored: apiVersionOf(stored), schemas, converter }
    const codec = createVersionCodec(kind.kind, options)
    const memory = new ConversionMemory(codec)
    return {
      definition: kind,
      served,
      deps: { ...deps, store: versionStore(deps.store, codec, memory), hub: new VersionHub(deps.hub, memory, log) },
    }
  })
  return { stored, versions, conversion: conversionOf(schemas, converter) }
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
  readonly #webhooks: WebhookDependencies
  readonly #changed: () => void
  /** What is served of each definition: as text, and where. */
  readonly #served = new Map<string, Served>()

  /** `changed` is told when the set of resources is another. */
  constructor(resources: Resources, webhooks: WebhookDependencies, log: Logger, changed: () => void) {
    this.#resources = resources
    this.#webhooks = webhooks
    this.#log = log
    this.#changed = changed
  }

  /** Serves these definitions, and no others. */
  serve(definitions: readonly CustomResourceDefinition[]): void {
    let changed = false
    const wanted = new Map(definitions.filter(isEstablished).map((definition) => [nameOf(definition), definition]))
    for (const [name, { group, plural }] of this.#served) {
      if (wanted.has(name)) continue
      this.#resources.removeCustom(group, plural)
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
      this.#resources.removeCustom(group, names.plural)
      try {
        const versions = versionsOf(definition, this.#resources.deps, this.#webhooks, this.#log)
        if (versions !== undefined) this.#resources.addCustom(versions)
      } catch (err) {
        // One that was stored by somebody more lenient must not keep the others from being served.
        this.#log.error({ err, definition: name }, 'a CustomResourceDefinition cannot be served')
      }
      changed = true
    }
    if (changed) this.#changed()
  }
}
