/**
 * Values to JSON text as Go's encoding/json writes it. The order of keys is the value's (see canonical.ts); int64 values
 * beyond 2^53 are bigint and written exactly (see json.ts).
 */
import './json.ts'
import { exactJson, indentJson } from './exact-text.ts'

const special = /[<>&\u2028\u2029]/
const escapes: Readonly<Record<string, string>> = {
  '<': '\\u003c',
  '>': '\\u003e',
  '&': '\\u0026',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
}

/** In JSON these characters stand in strings alone. */
const escapeSpecial = (text: string): string =>
  special.test(text) ? text.replace(/[<>&\u2028\u2029]/g, (character) => escapes[character] ?? '') : text

/** On one line, without a newline at its end. */
export const jsonText = (value: unknown): string => escapeSpecial(exactJson(value))

/** As an answer for people: indented by two spaces. */
export const prettyJsonText = (value: unknown): string => indentJson(jsonText(value))
