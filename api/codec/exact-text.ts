/**
 * Objects whose JSON text JavaScript would not make: an embedded document with `1.50` or 30 digits in it, a map with
 * keys that look like indexes. They carry their text in a property that is not enumerable, so that whoever copies or
 * compares them sees plain objects; a copy is written as JavaScript does it.
 *
 * Flow: JSON.stringify asks such an object, which leaves its text aside and a mark in its place; then texts take the
 * place of marks.
 */
import { randomUUID } from 'node:crypto'

/** Nobody outside ever sees it, so no client's string can be one. */
const mark = `exact ${randomUUID()} `
const marks = new RegExp(`"${mark}(\\d+)"`, 'g')

let texts: string[] | undefined

/** `makeText` is called when the object is written; what it makes may have marks in it. */
export const withExactText = <T extends object>(value: T, makeText: () => string): T => {
  // A key of that name is the client's.
  if (Object.hasOwn(value, 'toJSON')) return value
  return Object.defineProperty(value, 'toJSON', {
    value: () => (texts === undefined ? value : `${mark}${texts.push(makeText()) - 1}`),
    configurable: true,
  })
}

const filledIn = (text: string, all: readonly string[]): string =>
  text.replace(marks, (_, index: string) => filledIn(all[Number(index)] ?? '', all))

/** JSON.stringify, with the texts of objects that have one. */
export const exactJson = (value: unknown): string => {
  const collected: string[] = []
  texts = collected
  try {
    const text = JSON.stringify(value)
    return collected.length === 0 ? text : filledIn(text, collected)
  } finally {
    texts = undefined
  }
}

/** Without the whitespace between tokens. */
export const compactJson = (text: string): string =>
  text.replace(/("(?:[^"\\]|\\.)*")|[ \t\r\n]+/g, (_, string?: string) => string ?? '')

/** A compact text on many lines, as Go indents: by two spaces, empty objects and lists on one line. */
export const indentJson = (text: string): string => {
  let margin = '\n'
  return text.replace(/"(?:[^"\\]|\\.)*"|\{\}|\[\]|[{}[\],:]/g, (token) => {
    switch (token) {
      case '{':
      case '[':
        margin += '  '
        return token + margin
      case '}':
      case ']':
        margin = margin.slice(0, -2)
        return margin + token
      case ',':
        return token + margin
      case ':':
        return ': '
      default:
        return token
    }
  })
}
