import type { FileHandle } from 'node:fs/promises'
import { DamagedBoltFileError } from './format.ts'

/** Reads exactly `length` bytes at `position`. */
export type ReadAt = (position: number, length: number) => Promise<Buffer>

/** Read at once: pages of a bucket mostly lie one after another. */
const windowBytes = 256 << 10

/** Reads a file of `fileBytes` through a window, so that neighbouring pages cost one read. */
export const openWindow = (file: FileHandle, fileBytes: number): ReadAt => {
  let window: { readonly start: number; readonly bytes: Buffer } = { start: 0, bytes: Buffer.alloc(0) }
  const load = async (position: number, length: number): Promise<Buffer> => {
    const bytes = Buffer.allocUnsafe(length)
    for (let at = 0; at < length; ) {
      const { bytesRead } = await file.read(bytes, at, length - at, position + at)
      if (bytesRead === 0) throw new DamagedBoltFileError('it ends too early')
      at += bytesRead
    }
    return bytes
  }
  return async (position, length) => {
    if (position + length > fileBytes) throw new DamagedBoltFileError('a page lies beyond the end of the file')
    const inWindow = position >= window.start && position + length <= window.start + window.bytes.length
    if (!inWindow) {
      const bytes = await load(position, Math.max(length, Math.min(windowBytes, fileBytes - position)))
      window = { start: position, bytes }
    }
    const { start, bytes } = window
    return bytes.subarray(position - start, position - start + length)
  }
}
