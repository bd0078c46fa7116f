/** `Warning: 299 - "text"` headers, bounded. Upstream: WithWarningRecorder, and NewWarningHeader of apimachinery. */

/** In characters: all texts together, and each of them once that is exceeded. */
const maxTotal = 4 * 1024
const maxItem = 256

const controlCharacter = /\p{Cc}/u

/** Headers are bytes to node; what is sent is the text's UTF-8. */
const headerOf = (text: string): string =>
  Buffer.from(`299 - "${text.replace(/["\\]/g, '\\$&')}"`, 'utf8').toString('latin1')

/** Characters as Go counts them, not halves of pairs. */
const truncated = (text: string): string => {
  const characters = Array.from(text)
  return characters.length > maxItem ? characters.slice(0, maxItem).join('') : text
}

const lengthOf = (text: string): number => Array.from(text).length

/** The headers of some warnings, each once. All are cut to 256 characters if they are more than 4,096 together. */
export const warningHeaders = (texts: readonly string[]): string[] => {
  const valid = [...new Set(texts)].filter((text) => text !== '' && text.isWellFormed() && !controlCharacter.test(text))
  if (valid.reduce((sum, text) => sum + lengthOf(text), 0) <= maxTotal) return valid.map(headerOf)
  const headers: string[] = []
  let written = 0
  for (const text of valid.map(truncated)) {
    // The one that passes the limit is still told.
    if (written >= maxTotal) break
    written += lengthOf(text)
    headers.push(headerOf(text))
  }
  return headers
}
