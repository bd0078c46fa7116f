/** A part of a header's name, which cannot have all characters: decoded, or as it is where it is badly encoded. */
export const percentDecoded = (text: string): string => {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
