/** Base64 as Go's encoding/base64 reads it: padded, of the standard alphabet, and exact in what it says is wrong. */

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const wellFormed = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

const isNewline = (char: string | undefined): boolean => char === '\n' || char === '\r'

const skipNewlines = (text: string, at: number): number => {
  let next = at
  while (isNewline(text[next])) next++
  return next
}

/** Where a quantum that begins at `start` goes wrong, or where the next one begins. */
const checkQuantum = (text: string, start: number): { readonly bad: number } | { readonly next: number } => {
  let at = start
  for (let count = 0; count < 4; count++) {
    at = skipNewlines(text, at)
    const char = text[at]
    if (char === undefined) return count === 0 ? { next: at } : { bad: at - count }
    at++
    if (alphabet.includes(char)) continue
    if (char !== '=' || count < 2) return { bad: at - 1 }
    if (count === 2) {
      at = skipNewlines(text, at)
      if (at === text.length) return { bad: text.length }
      if (text[at] !== '=') return { bad: at - 1 }
      at++
    }
    at = skipNewlines(text, at)
    return at < text.length ? { bad: at } : { next: at }
  }
  return { next: at }
}

/** Decodes; throws a RangeError in Go's words. */
export const decodeBase64 = (text: string): Buffer => {
  if (!wellFormed.test(text)) {
    for (let at = 0; at < text.length; ) {
      const checked = checkQuantum(text, at)
      if ('bad' in checked) throw new RangeError(`illegal base64 data at input byte ${checked.bad}`)
      at = checked.next
    }
  }
  return Buffer.from(text, 'base64')
}
