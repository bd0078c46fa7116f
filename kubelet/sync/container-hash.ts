/** A container is replaced when this changes; upstream hashes name and image only, the rest of it cannot change. */
import type { Container } from '../../api/types.ts'

/** FNV-1a of 32 bits, in hex. */
export const fnv32a = (text: string): string => {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  return hash.toString(16)
}

export const containerHash = ({ name, image }: Container): string =>
  fnv32a(JSON.stringify({ name, image: image ?? '' }))
