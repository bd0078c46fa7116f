/**
 * Reads a bbolt file, its own and a real etcd's. Nothing in the file is believed: page numbers, kinds, lengths and the
 * order of keys are checked, and no page is visited twice, so a damaged file ends in DamagedBoltFileError, never in a
 * loop. The bytes of values have no checksum in this format: a snapshot has its SHA-256 for that.
 */
import type { FileHandle } from 'node:fs/promises'
import { checkPages } from './check.ts'
import { bucketFlag, bucketHeaderBytes, type Meta, metaBytes, pageHeaderBytes, readMeta, readPageId } from './format.ts'
import { type Bounds, damaged, elements, type LeafElement, type Page, parsePage, TreeReader } from './pages.ts'
import { openWindow, type ReadAt } from './window.ts'
import type { BoltEntry } from './writer.ts'

export interface BoltBucket {
  readonly name: string
  /** Chunks of the bucket's entries, ascending by key; they share memory with what was read. */
  entries(): AsyncGenerator<readonly BoltEntry[], void, void>
}

export interface BoltFile {
  /** Of the database; what lies behind it in the file (a checksum) does not count. */
  readonly sizeBytes: number
  /** All buckets, ascending by name. */
  readonly buckets: readonly BoltBucket[]
  /** Reads all pages; throws DamagedBoltFileError unless each is in one tree, or free, and only that. */
  check(): Promise<void>
}

const pageSizes = Array.from({ length: 8 }, (_, i) => 512 << i) // 512 B to 64 KiB
/** The meta page that counts: of the two that are whole, the younger. */
const findMeta = async (read: ReadAt, fileBytes: number): Promise<Meta> => {
  const at = async (position: number): Promise<Meta | undefined> =>
    position + pageHeaderBytes + metaBytes > fileBytes
      ? undefined
      : readMeta(await read(position, pageHeaderBytes + metaBytes))
  const first = await at(0)
  let second: Meta | undefined
  // If the first is broken, the place of the second has to be guessed.
  for (const size of first === undefined ? pageSizes : [first.pageSize]) {
    const found = await at(size)
    if (found?.pageSize === size) second = found
  }
  const meta = second === undefined || (first !== undefined && first.txid > second.txid) ? first : second
  if (meta === undefined) throw damaged('no valid meta page; this is not a snapshot of etcd')
  if (!pageSizes.includes(meta.pageSize)) throw damaged(`page size ${meta.pageSize}`)
  return meta
}

/** The one page of a bucket that lies in the root tree's value. */
async function* inlinePage(value: Buffer): AsyncGenerator<{ page: Page; bounds: Bounds }, void, void> {
  const bytes = value.subarray(bucketHeaderBytes)
  if (bytes.length < pageHeaderBytes) throw damaged('a bucket without a page')
  const page = parsePage(bytes, 0)
  if (page.kind !== 'leaf') throw damaged('the page of a small bucket is not a leaf')
  yield { page, bounds: { low: undefined, high: undefined } }
}

const bucketOf = (read: ReadAt, meta: Meta, { key, value, flags }: LeafElement): BoltBucket => {
  const name = key.toString()
  if ((flags & bucketFlag) === 0 || value.length < bucketHeaderBytes) throw damaged(`"${name}" is not a bucket`)
  const root = readPageId(value, 0)
  return {
    name,
    entries: async function* () {
      const pages = root === 0 ? inlinePage(value) : new TreeReader(read, meta).leaves(root)
      for await (const chunk of elements(pages)) {
        if (chunk.some((element) => (element.flags & bucketFlag) !== 0)) throw damaged(`a bucket in bucket "${name}"`)
        yield chunk.map((element) => [element.key, element.value])
      }
    },
  }
}

/** Reads the head of a database of at most `fileBytes` and the list of its buckets. Throws DamagedBoltFileError. */
export const openBoltFile = async (file: FileHandle, fileBytes: number): Promise<BoltFile> => {
  const read = openWindow(file, fileBytes)
  const meta = await findMeta(read, fileBytes)
  const sizeBytes = meta.highWaterMark * meta.pageSize
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes > fileBytes) {
    throw damaged(`it should have ${sizeBytes} bytes and has ${fileBytes}`)
  }
  const buckets: BoltBucket[] = []
  for await (const chunk of elements(new TreeReader(read, meta).leaves(meta.root))) {
    for (const element of chunk) buckets.push(bucketOf(read, meta, element))
  }
  return { sizeBytes, buckets, check: () => checkPages(read, meta) }
}
