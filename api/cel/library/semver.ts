/** Semantic versions as values. Upstream: apiserver/pkg/cel/library/semverlib.go; https://semver.org */
import { func, type FunctionDeclaration, method } from '../functions.ts'
import { CelError, Opaque, type Value } from '../values.ts'
import { walk } from './operators.ts'

const typeName = 'kubernetes.Semver'

interface Version {
  readonly numbers: readonly [bigint, bigint, bigint]
  readonly prerelease: readonly string[]
}

export class SemverValue extends Opaque {
  readonly typeName = typeName
  readonly version: Version
  constructor(version: Version) {
    super()
    this.version = version
  }
  equals(other: Opaque): boolean {
    return other instanceof SemverValue && compare(this.version, other.version) === 0
  }
}

const number = '(0|[1-9][0-9]*)'
const identifier = '(?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)'
const strict = new RegExp(
  `^${number}\\.${number}\\.${number}(?:-(${identifier}(?:\\.${identifier})*))?(?:\\+[0-9a-zA-Z-]+(?:\\.[0-9a-zA-Z-]+)*)?$`,
)

/** `v1.02` as `1.2.0`: no `v`, no leading zeros, three numbers. */
const normalize = (text: string): string => {
  const [, core = '', rest = ''] = /^v?([^-+]*)(.*)$/s.exec(text) ?? []
  const parts = core.split('.').map((part) => part.replace(/^0+(?=\d)/, ''))
  // What has a pre-release must say all three numbers.
  if (rest === '') while (parts.length < 3) parts.push('0')
  return parts.join('.') + rest
}

const parse = (text: string): Version | undefined => {
  const match = strict.exec(text)
  if (match === null) return undefined
  const [, major = '', minor = '', patch = '', prerelease] = match
  return {
    numbers: [BigInt(major), BigInt(minor), BigInt(patch)],
    prerelease: prerelease === undefined ? [] : prerelease.split('.'),
  }
}

const compareIdentifiers = (a: string, b: string): number => {
  const [x, y] = [/^\d+$/.test(a), /^\d+$/.test(b)]
  if (x && y) return BigInt(a) < BigInt(b) ? -1 : BigInt(a) > BigInt(b) ? 1 : 0
  if (x !== y) return x ? -1 : 1
  return a < b ? -1 : a > b ? 1 : 0
}

const compare = (a: Version, b: Version): number => {
  for (const [index, value] of a.numbers.entries()) {
    const other = b.numbers[index] ?? 0n
    if (value !== other) return value < other ? -1 : 1
  }
  // A version comes after its own pre-releases.
  if (a.prerelease.length === 0 || b.prerelease.length === 0)
    return Math.sign(b.prerelease.length - a.prerelease.length)
  for (const [index, part] of a.prerelease.entries()) {
    const other = b.prerelease[index]
    const order = other === undefined ? 1 : compareIdentifiers(part, other)
    if (order !== 0) return order
  }
  return Math.sign(a.prerelease.length - b.prerelease.length)
}

const read = (text: string, lenient = false): Version | undefined => parse(lenient ? normalize(text) : text)
/** Throws CelError where the text is no version. */
export const semverValue = (text: string, lenient = false): Value => {
  const version = read(text, lenient)
  if (version === undefined) throw new CelError(`Invalid semver ${JSON.stringify(text)}`)
  return new SemverValue(version)
}
const order = (a: SemverValue, b: SemverValue): number => compare(a.version, b.version)
const numberAt = (name: string, index: 0 | 1 | 2): FunctionDeclaration =>
  method(name, `${typeName} -> int`, ({ version }: SemverValue) => version.numbers[index])

const pair = `${typeName}, ${typeName}`
export const semverFunctions: readonly FunctionDeclaration[] = [
  func('semver', `string -> ${typeName}`, semverValue, walk),
  func('semver', `string, bool -> ${typeName}`, semverValue, walk),
  func('isSemver', 'string -> bool', (text: string) => read(text) !== undefined, walk),
  func('isSemver', 'string, bool -> bool', (text: string, lenient: boolean) => read(text, lenient) !== undefined, walk),
  numberAt('major', 0),
  numberAt('minor', 1),
  numberAt('patch', 2),
  method('compareTo', `${pair} -> int`, (a: SemverValue, b: SemverValue) => BigInt(order(a, b))),
  method('isGreaterThan', `${pair} -> bool`, (a: SemverValue, b: SemverValue) => order(a, b) > 0),
  method('isLessThan', `${pair} -> bool`, (a: SemverValue, b: SemverValue) => order(a, b) < 0),
]
