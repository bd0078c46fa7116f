/**
 * Reads a bbolt file, its own and a real etcd's. Nothing in the file is believed: page numbers, kinds, lengths and the
 * order of keys are checked, and no page is visited twice, so a damaged file ends in DamagedBoltFileError, never in a
 * loop. The bytes of values have no checksum in this format: a snapshot has its SHA-256 for that.
 */
import type { FileHandle } from 'node:fs/promises'
import {
  bucketFlag,
  bucketHeaderBytes,
  DamagedBoltFileError,
  elementBytes,
  type Meta,
  metaBytes,
  pageFlag,
  pageHeaderBytes,
  readMeta,
  readPageHeader,
  readPageId,
} from './format.ts'
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
}

interface Page {
  readonly bytes: Buffer
  readonly kind: 'leaf' | 'branch'
  readonly count: number
}

interface LeafElement {
  readonly flags: number
  readonly key: Buffer
  readonly value: Buffer
}

/** Keys of a subtree: from the branch that names it. */
interface Bounds {
  readonly low: Buffer | undefined
  readonly high: Buffer | undefined
}

const damaged = (what: string): DamagedBoltFileError => new DamagedBoltFileError(what)

const pageSizes = Array.from({ length: 8 }, (_, i) => 512 << i) // 512 B to 64 KiB
/** No page with its overflow is larger: it holds one key and value, or fits. */
const maxPageBytes = 1 << 30
const maxDepth = 64

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

const slice = (bytes: Buffer, at: number, length: number): Buffer => {
  if (at + length > bytes.length) throw damaged('an entry reaches beyond its page')
  return bytes.subarray(at, at + length)
}

const leafElement = ({ bytes }: Page, index: number): LeafElement => {
  const at = pageHeaderBytes + index * elementBytes
  const keyAt = at + bytes.readUInt32LE(at + 4)
  const keyBytes = bytes.readUInt32LE(at + 8)
  const key = slice(bytes, keyAt, keyBytes)
  const value = slice(bytes, keyAt + keyBytes, bytes.readUInt32LE(at + 12))
  return { flags: bytes.readUInt32LE(at), key, value }
}

const branchElement = ({ bytes }: Page, index: number): { readonly key: Buffer; readonly child: number } => {
  const at = pageHeaderBytes + index * elementBytes
  const key = slice(bytes, at + bytes.readUInt32LE(at), bytes.readUInt32LE(at + 4))
  return { key, child: readPageId(bytes, at + 8) }
}

/** Checks a page's own header and that its elements are inside it. */
const parsePage = (bytes: Buffer, id: number): Page => {
  const header = readPageHeader(bytes)
  if (header.id !== id) throw damaged(`page ${id} says that it is page ${header.id}`)
  const kind = header.flags === pageFlag.leaf ? 'leaf' : header.flags === pageFlag.branch ? 'branch' : undefined
  if (kind === undefined) throw damaged(`page ${id} is neither leaf nor branch but 0x${header.flags.toString(16)}`)
  if (kind === 'branch' && header.count === 0) throw damaged(`branch page ${id} is empty`)
  if (pageHeaderBytes + header.count * elementBytes > bytes.length) throw damaged(`page ${id} has too many entries`)
  return { bytes, kind, count: header.count }
}

class Reader {
  readonly #read: ReadAt
  readonly #meta: Meta
  /** One bit a page. */
  readonly #visited: Uint8Array

  constructor(read: ReadAt, meta: Meta) {
    this.#read = read
    this.#meta = meta
    this.#visited = new Uint8Array(Math.ceil(meta.highWaterMark / 8))
  }

  async page(id: number): Promise<Page> {
    const { pageSize, highWaterMark } = this.#meta
    if (!Number.isSafeInteger(id) || id < 2 || id >= highWaterMark) throw damaged(`there is no page ${id}`)
    const bits = this.#visited[id >>> 3] ?? 0
    if ((bits & (1 << (id & 7))) !== 0) throw damaged(`page ${id} is used twice`)
    this.#visited[id >>> 3] = bits | (1 << (id & 7))
    const head = await this.#read(id * pageSize, pageSize)
    const { overflow } = readPageHeader(head)
    const bytes = (overflow + 1) * pageSize
    if (id + overflow >= highWaterMark || bytes > maxPageBytes) throw damaged(`page ${id} reaches beyond the file`)
    return parsePage(overflow === 0 ? head : await this.#read(id * pageSize, bytes), id)
  }

  /** Leaf pages of a tree from left to right, each with the keys that its branch promises. */
  async *leaves(
    id: number,
    bounds: Bounds = { low: undefined, high: undefined },
    depth = 0,
  ): AsyncGenerator<{ readonly page: Page; readonly bounds: Bounds }, void, void> {
    const page = await this.page(id)
    if (page.kind === 'leaf') {
      if (depth > 0 && page.count === 0) throw damaged(`leaf page ${id} is empty`)
      yield { page, bounds }
      return
    }
    if (depth >= maxDepth) throw damaged('the tree is too deep')
    for (let index = 0; index < page.count; index++) {
      const { key, child } = branchElement(page, index)
      const high = index + 1 < page.count ? branchElement(page, index + 1).key : bounds.high
      const low = index === 0 ? bounds.low : key
      yield* this.leaves(child, { low, high }, depth + 1)
    }
  }
}

/** Checks the order of keys within a page, against the page before, and against the branch above. */
const elementsOf = (page: Page, { low, high }: Bounds, before: Buffer | undefined): LeafElement[] => {
  let last = before
  return Array.from({ length: page.count }, (_, index) => {
    const element = leafElement(page, index)
    const { key } = element
    const inOrder =
      key.length > 0 &&
      (last === undefined || last.compare(key) < 0) &&
      (low === undefined || low.compare(key) <= 0) &&
      (high === undefined || high.compare(key) > 0)
    if (!inOrder) throw damaged('keys are not in order')
    last = key
    return element
  })
}

async function* elements(
  pages: AsyncIterable<{ readonly page: Page; readonly bounds: Bounds }>,
): AsyncGenerator<LeafElement[], void, void> {
  let last: Buffer | undefined
  for await (const { page, bounds } of pages) {
    const found = elementsOf(page, bounds, last)
    last = found.at(-1)?.key ?? last
    if (found.length > 0) yield found
  }
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
      const pages = root === 0 ? inlinePage(value) : new Reader(read, meta).leaves(root)
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
  for await (const chunk of elements(new Reader(read, meta).leaves(meta.root))) {
    for (const element of chunk) buckets.push(bucketOf(read, meta, element))
  }
  return { sizeBytes, buckets }
}
