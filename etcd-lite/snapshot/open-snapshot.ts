/** A snapshot's file: the database, then its SHA-256, if it did not come straight out of a data directory. */
import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { type BoltFile, openBoltFile } from './bolt/reader.ts'

const sha256Bytes = 32
/** A database is a multiple of this: what is more is a checksum. */
const sectorBytes = 512
const readBytes = 1 << 20

export interface OpenSnapshot extends AsyncDisposable {
  readonly db: BoltFile
}

const readFully = async (file: FileHandle, position: number, length: number): Promise<Buffer> => {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position)
  return buffer.subarray(0, bytesRead)
}

const sha256 = async (file: FileHandle, length: number): Promise<Buffer> => {
  const hash = createHash('sha256')
  for (let at = 0; at < length; ) {
    const bytes = await readFully(file, at, Math.min(readBytes, length - at))
    if (bytes.length === 0) break // a file that became shorter has another hash
    hash.update(bytes)
    at += bytes.length
  }
  return hash.digest()
}

const checkHash = async (file: FileHandle, databaseBytes: number, hasHash: boolean): Promise<void> => {
  if (!hasHash) throw new Error('snapshot missing hash but --skip-hash-check=false')
  const expected = await readFully(file, databaseBytes, sha256Bytes)
  const found = await sha256(file, databaseBytes)
  if (!found.equals(expected)) {
    throw new Error(`expected sha256 [${[...expected].join(' ')}], got [${[...found].join(' ')}]`)
  }
}

/** Opens a snapshot, or a database file itself; `checkHash` demands its SHA-256 and compares it. */
export const openSnapshot = async (path: string, options: { readonly checkHash: boolean }): Promise<OpenSnapshot> => {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    const hasHash = size % sectorBytes === sha256Bytes
    const databaseBytes = hasHash ? size - sha256Bytes : size
    if (options.checkHash) await checkHash(file, databaseBytes, hasHash)
    return { db: await openBoltFile(file, databaseBytes), [Symbol.asyncDispose]: () => file.close() }
  } catch (err) {
    await file.close()
    throw err
  }
}
