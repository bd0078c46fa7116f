/** Expressions that choose devices, and devices as they see them. Upstream: dynamic-resource-allocation/cel/compile.go */
import type { Environment } from '../cel/environment.ts'
import { kubernetesEnvironment } from '../cel/library/kubernetes.ts'
import { QuantityValue } from '../cel/library/quantities.ts'
import { semverValue } from '../cel/library/semver.ts'
import { compile } from '../cel/program.ts'
import { structTypes } from '../cel/struct-types.ts'
import { objectOf } from '../cel/types.ts'
import { CelMap, type Value } from '../cel/values.ts'
import { parseQuantity } from '../meta/quantity.ts'
import type { ResourceSlice } from '../types.ts'

export type Device = NonNullable<NonNullable<ResourceSlice['spec']>['devices']>[number]
type Attribute = NonNullable<Device['attributes']>[string]

const deviceType = 'kubernetes.DRADevice'
const types = structTypes({
  [deviceType]: {
    driver: 'string',
    attributes: 'map(string, map(string, dyn))',
    capacity: 'map(string, map(string, kubernetes.Quantity))',
  },
})

export const deviceEnvironment = (): Environment => kubernetesEnvironment({ device: objectOf(deviceType) }, types)

/** Upstream: CELSelectorExpressionMaxCost. */
const maxCost = 1_000_000

class PlainMap extends CelMap {
  readonly #values: ReadonlyMap<string, Value>
  constructor(values: ReadonlyMap<string, Value>) {
    super()
    this.#values = values
  }
  get size(): number {
    return this.#values.size
  }
  get(key: Value): Value | undefined {
    return typeof key === 'string' ? this.#values.get(key) : undefined
  }
  keys(): Iterable<Value> {
    return this.#values.keys()
  }
}

const empty = new PlainMap(new Map())

/** Attributes by domain; a domain that the device knows nothing of is empty, so that asking for it is no error. */
class Domains extends PlainMap {
  override get(key: Value): Value | undefined {
    return super.get(key) ?? (typeof key === 'string' ? empty : undefined)
  }
}

/** Sorts qualified names (`domain/id`, or an id of the driver's own) by their domains. */
const byDomain = <T>(
  entries: Readonly<Record<string, T>> | undefined,
  driver: string,
  valueOf: (entry: T) => Value,
) => {
  const domains = new Map<string, Map<string, Value>>()
  for (const [name, entry] of Object.entries(entries ?? {})) {
    const slash = name.indexOf('/')
    const domain = slash < 0 ? driver : name.slice(0, slash)
    const values = domains.get(domain) ?? new Map<string, Value>()
    domains.set(domain, values)
    values.set(name.slice(slash + 1), valueOf(entry))
  }
  return new Domains(new Map([...domains].map(([domain, values]) => [domain, new PlainMap(values)])))
}

const attributeValue = (attribute: Attribute): Value => {
  if (attribute.int !== undefined) return BigInt(attribute.int)
  if (attribute.bool !== undefined) return attribute.bool
  if (attribute.string !== undefined) return attribute.string
  if (attribute.version !== undefined) return semverValue(attribute.version)
  throw new Error('unsupported attribute value')
}

/** Whether a driver's device is one that the expression chooses. Throws where evaluation fails or costs too much. */
export type DeviceSelector = (device: Device, driver: string) => boolean

/** Throws where the expression does not compile. */
export const compileDeviceSelector = (expression: string): DeviceSelector => {
  const program = compile(expression, deviceEnvironment())
  return (device, driver) => {
    const fields = new Map<string, Value>([
      ['driver', driver],
      ['attributes', byDomain(device.attributes, driver, attributeValue)],
      ['capacity', byDomain(device.capacity, driver, ({ value }) => new QuantityValue(parseQuantity(value)))],
    ])
    const seen = new PlainMap(fields)
    const { value } = program.evaluate((name) => (name === 'device' ? seen : undefined), maxCost)
    if (typeof value !== 'boolean') throw new Error('CEL result could not be converted to bool')
    return value
  }
}
