/**
 * `--feature-gates` and `featureGates`: a gate may be named with what it is by default; the few that a component
 * honours may be changed; another one is refused rather than ignored. Upstream: component-base/featuregate
 */
import { lockedOff, lockedOn, offByDefault, onByDefault } from './known-gates.ts'

interface Spec {
  readonly default: boolean
  readonly locked: boolean
}

const specs: ReadonlyMap<string, Spec> = new Map(
  (
    [
      [onByDefault, { default: true, locked: false }],
      [offByDefault, { default: false, locked: false }],
      [lockedOn, { default: true, locked: true }],
      [lockedOff, { default: false, locked: true }],
    ] as const
  ).flatMap(([names, spec]) => names.map((name) => [name, spec])),
)

const booleans: ReadonlyMap<string, boolean> = new Map([
  ...['1', 't', 'T', 'true', 'TRUE', 'True'].map((text) => [text, true] as const),
  ...['0', 'f', 'F', 'false', 'FALSE', 'False'].map((text) => [text, false] as const),
])

/** `AllBeta=false` is no default: said, it takes every beta away. */
const changesOthers = (name: string, value: boolean): boolean => name === 'AllBeta' && !value

/** The values of `name=value` texts. Throws an Error in upstream's words. */
export const gateValues = (settings: Readonly<Record<string, string>>): Map<string, boolean> =>
  new Map(
    Object.entries(settings).map(([name, text]) => {
      const value = booleans.get(text)
      if (value !== undefined) return [name, value]
      const why = `strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`
      throw new Error(`invalid value of ${name}=${text}, err: ${why}`)
    }),
  )

/** What a gate needs to be on: facts of v1.36, of the gates that are honoured anywhere here. */
const dependencies: readonly (readonly [gate: string, needed: string])[] = [
  ['ClusterTrustBundleProjection', 'ClusterTrustBundle'],
]

const refuse = (gate: string): never => {
  throw new Error(`feature gate ${gate} is not implemented by kubets`)
}

/**
 * The component's gates, changed as the settings say. Throws an Error in upstream's words. `notBuilt` gets each
 * `name=value` that would make a difference and is not built; it refuses it by default.
 */
export const applyGates = <Gate extends string>(
  honoured: Readonly<Record<Gate, boolean>>,
  settings: ReadonlyMap<string, boolean>,
  notBuilt: (gate: string) => void = refuse,
): Readonly<Record<Gate, boolean>> => {
  const changed: Record<string, boolean> = { ...honoured }
  for (const [name, value] of settings) {
    const spec = specs.get(name)
    if (spec === undefined) throw new Error(`unrecognized feature gate: ${name}`)
    if (spec.locked && value !== spec.default) {
      throw new Error(`cannot set feature gate ${name} to ${value}, feature is locked to ${spec.default}`)
    }
    if (Object.hasOwn(honoured, name)) changed[name] = value
    else if (value !== spec.default || changesOthers(name, value)) {
      notBuilt(`${name}=${value}`)
    }
  }
  for (const [gate, needed] of dependencies) {
    if (changed[gate] === true && changed[needed] === false)
      throw new Error(`${gate} is enabled, but depends on features that are disabled: [${needed}]`)
  }
  return changed as Record<Gate, boolean>
}
