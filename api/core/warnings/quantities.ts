import { key } from '../../meta/field-error.ts'
import { milliValue } from '../../meta/quantity.ts'

/** Only these spellings can be fractions of a unit. */
const mayBeFraction = /[munE.e]/

/** Amounts of bytes that are no whole number. `path` makes the path of the amounts, where there is something to say. */
export const fractionalByteWarnings = (
  amounts: Readonly<Record<string, string>> | undefined,
  names: readonly string[],
  path: () => string,
): string[] => {
  if (amounts === undefined) return []
  return names.flatMap((name) => {
    const text = amounts[name]
    return text !== undefined && mayBeFraction.test(text) && milliValue(text) % 1000 !== 0
      ? [`${key(path(), name)}: fractional byte value ${JSON.stringify(text)} is invalid, must be an integer`]
      : []
  })
}
