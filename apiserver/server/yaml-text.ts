/** Answers in YAML as upstream's sigs.k8s.io/yaml writes them: keys in natural order, lists not indented. */
import type { ScalarStyleRule, Schema } from 'js-yaml'

const isLetter = (character: string): boolean => /\p{L}/u.test(character)
const isDigit = (character: string | undefined): boolean =>
  character !== undefined && character >= '0' && character <= '9'

/** The digits from an index on. */
const digitsAt = (characters: readonly string[], start: number): string => {
  let end = start
  while (isDigit(characters[end])) end++
  return characters.slice(start, end).join('')
}

/** True if the digits that end at an index are more than zeros: then a zero behind them counts. */
const isNumberBefore = (characters: readonly string[], end: number): boolean => {
  let start = end
  while (isDigit(characters[start - 1])) start--
  return /[1-9]/.test(characters.slice(start, end).join(''))
}

/** Numbers inside keys count as numbers, and letters come after all else: `f9` before `f10`. */
export const naturalOrder = (a: string, b: string): number => {
  const left = Array.from(a)
  const right = Array.from(b)
  for (const [index, x] of left.entries()) {
    const y = right[index]
    if (y === undefined) return 1
    if (x === y) continue
    if (isLetter(x) && isLetter(y)) return x < y ? -1 : 1
    if (isLetter(x) || isLetter(y)) return isLetter(y) ? -1 : 1
    const m = digitsAt(left, index)
    const n = digitsAt(right, index)
    const lead = (x === '0' || y === '0') && isNumberBefore(left, index) ? '1' : ''
    return Number(lead + m) - Number(lead + n) || m.length - n.length || (x < y ? -1 : 1)
  }
  return left.length - right.length
}

/** Text that YAML 1.1 takes for something else than a string. */
const ambiguous =
  /^(?:|~|null|Null|NULL|y|Y|yes|Yes|YES|on|On|ON|n|N|no|No|NO|off|Off|OFF|true|True|TRUE|false|False|FALSE|<<|[-+]?[\d.][\d_,.eE+:xXobA-Fa-f-]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)|\d{4}-\d\d?-\d\d?(?:[Tt \t].*)?)$/

/** Integers as the library writes them, and those that only a bigint holds. */
const withBigints = ({ DUMP_SCHEMA, intCoreTag, intYaml11Tag, NOT_RESOLVED }: typeof import('js-yaml')): Schema =>
  DUMP_SCHEMA.withTags({
    ...intYaml11Tag,
    resolve: (...source) => {
      const value = intYaml11Tag.resolve(...source)
      return value === NOT_RESOLVED ? intCoreTag.resolve(...source) : value
    },
    identify: (value) => typeof value === 'bigint' || intYaml11Tag.identify(value),
  })

/** A JSON value as YAML. */
export const yamlText = async (value: object): Promise<string> => {
  const yaml = await import('js-yaml')
  const { DEFAULT_SCALAR_STYLE_RULES: rules, SCALAR_STYLE } = yaml
  const quotes: ScalarStyleRule = (layout) => {
    const plainAllowed = (layout.allowedStylesMask & (1 << SCALAR_STYLE.PLAIN)) !== 0
    if (layout.style !== SCALAR_STYLE.PLAIN || plainAllowed) return
    layout.style = ambiguous.test(layout.node.value) ? SCALAR_STYLE.DOUBLE_QUOTED : SCALAR_STYLE.SINGLE_QUOTED
  }
  return yaml.dump(value, {
    schema: withBigints(yaml),
    lineWidth: -1,
    noRefs: true,
    seqNoIndent: true,
    sortKeys: naturalOrder,
    scalarStyleRules: [
      rules.doubleQuoteForInvisibles,
      rules.tryLongOrMultilineAsBlock,
      quotes,
      rules.fallbackToDoubleQuoted,
    ],
  })
}
