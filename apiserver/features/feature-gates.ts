/**
 * `--feature-gates`: a gate may be named with what it is by default; the few that are honoured may be changed; another
 * one is refused at start rather than ignored. Upstream: component-base/featuregate
 */
import { UsageError } from '../../component-base/process/run.ts'
import { lockedOff, lockedOn, offByDefault, onByDefault } from './known-gates.ts'

/** Gates that change something here. */
export interface FeatureGates {
  /** exec, attach and portforward need the verb `create`, by whatever method they begin. */
  readonly AuthorizePodWebsocketUpgradeCreatePermission: boolean
  /** /flagz */
  readonly ComponentFlagz: boolean
  /** /statusz */
  readonly ComponentStatusz: boolean
}

export const defaultGates: FeatureGates = {
  AuthorizePodWebsocketUpgradeCreatePermission: true,
  ComponentFlagz: true,
  ComponentStatusz: true,
}

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

const refusal = (settings: Readonly<Record<string, string>>, why: string): UsageError => {
  const text = Object.entries(settings)
    .map(([name, value]) => `${name}=${value}`)
    .join(',')
  return new UsageError(`invalid argument ${JSON.stringify(text)} for "--feature-gates" flag: ${why}`)
}

const booleans: ReadonlyMap<string, boolean> = new Map([
  ...['1', 't', 'T', 'true', 'TRUE', 'True'].map((text) => [text, true] as const),
  ...['0', 'f', 'F', 'false', 'FALSE', 'False'].map((text) => [text, false] as const),
])

/** `AllBeta=false` is no default: said, it takes every beta away. */
const changesOthers = (name: string, value: boolean): boolean => name === 'AllBeta' && !value

const isHonoured = (name: string): name is keyof FeatureGates => Object.hasOwn(defaultGates, name)

/** Throws UsageError in upstream's words, or naming what is not built. */
export const parseFeatureGates = (settings: Readonly<Record<string, string>>): FeatureGates => {
  const changed: Partial<Record<keyof FeatureGates, boolean>> = {}
  for (const [name, text] of Object.entries(settings)) {
    const value = booleans.get(text)
    if (value === undefined) {
      const why = `strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`
      throw refusal(settings, `invalid value of ${name}=${text}, err: ${why}`)
    }
    const spec = specs.get(name)
    if (spec === undefined) throw refusal(settings, `unrecognized feature gate: ${name}`)
    if (spec.locked && value !== spec.default) {
      throw refusal(settings, `cannot set feature gate ${name} to ${value}, feature is locked to ${spec.default}`)
    }
    if (isHonoured(name)) changed[name] = value
    else if (value !== spec.default || changesOthers(name, value)) {
      throw refusal(settings, `feature gate ${name}=${value} is not implemented by kubets`)
    }
  }
  return { ...defaultGates, ...changed }
}
