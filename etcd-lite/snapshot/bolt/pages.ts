/** Pages of a bbolt file and the trees that they make, checked as they are read. */
import {
  DamagedBoltFileError,
  elementBytes,
  type Meta,
  pageFlag,
  pageHeaderBytes,
  readPageHeader,
  readPageId,
} from './format.ts'
import type { ReadAt } from './window.ts'

export interface Page {
  readonly bytes: Buffer
  readonly kind: 'leaf' | 'branch'
  readonly count: number
}

export interface LeafElement {
  readonly flags: number
  readonly key: Buffer
  readonly value: Buffer
}

/** Keys of a subtree: from the branch that names it. */
export interface Bounds {
  readonly low: Buffer | undefined
  readonly high: Buffer | undefined
}

export const damaged = (what: string): DamagedBoltFileError => new DamagedBoltFileError(what)

/** No page with its overflow is larger: it holds one key and value, or fits. */
const maxPageBytes = 1 << 30
const maxDepth = 64

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
export const parsePage = (bytes: Buffer, id: number): Page => {
  const header = readPageHeader(bytes)
  if (header.id !== id) throw damaged(`page ${id} says that it is page ${header.id}`)
  const kind = header.flags === pageFlag.leaf ? 'leaf' : header.flags === pageFlag.branch ? 'branch' : undefined
  if (kind === undefined) throw damaged(`page ${id} is neither leaf nor branch but 0x${header.flags.toString(16)}`)
  if (kind === 'branch' && header.count === 0) throw damaged(`branch page ${id} is empty`)
  if (pageHeaderBytes + header.count * elementBytes > bytes.length) throw damaged(`page ${id} has too many entries`)
  return { bytes, kind, count: header.count }
}

/** A page with its overflow; all its numbers are new in `visited`, and added. */
export const readWholePage = async (read: ReadAt, meta: Meta, id: number, visited: PageSet): Promise<Buffer> => {
  const { pageSize, highWaterMark } = meta
  if (!Number.isSafeInteger(id) || id < 2 || id >= highWaterMark) throw damaged(`there is no page ${id}`)
  const head = await read(id * pageSize, pageSize)
  const { overflow } = readPageHeader(head)
  const bytes = (overflow + 1) * pageSize
  if (id + overflow >= highWaterMark || bytes > maxPageBytes) throw damaged(`page ${id} reaches beyond the file`)
  for (let number = id; number <= id + overflow; number++) {
    if (visited.has(number)) throw damaged(`page ${number} is used twice`)
    visited.add(number)
  }
  return overflow === 0 ? head : read(id * pageSize, bytes)
}

/** Numbers of pages, one bit each. */
export class PageSet {
  readonly #bits: Uint8Array

  constructor(pages: number) {
    this.#bits = new Uint8Array(Math.ceil(pages / 8))
  }

  has(id: number): boolean {
    return ((this.#bits[id >>> 3] ?? 0) & (1 << (id & 7))) !== 0
  }

  add(id: number): void {
    this.#bits[id >>> 3] = (this.#bits[id >>> 3] ?? 0) | (1 << (id & 7))
  }
}

/** Reads trees; none of its pages comes twice. */
export class TreeReader {
  readonly #read: ReadAt
  readonly #meta: Meta
  readonly #visited: PageSet

  constructor(read: ReadAt, meta: Meta, visited = new PageSet(meta.highWaterMark)) {
    this.#read = read
    this.#meta = meta
    this.#visited = visited
  }

  async #page(id: number): Promise<Page> {
    return parsePage(await readWholePage(this.#read, this.#meta, id, this.#visited), id)
  }

  /** Leaf pages of a tree from left to right, each with the keys that its branch promises. */
  async *leaves(
    id: number,
    bounds: Bounds = { low: undefined, high: undefined },
    depth = 0,
  ): AsyncGenerator<{ readonly page: Page; readonly bounds: Bounds }, void, void> {
    const page = await this.#page(id)
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

/** The entries of pages in order. */
export async function* elements(
  pages: AsyncIterable<{ readonly page: Page; readonly bounds: Bounds }>,
): AsyncGenerator<LeafElement[], void, void> {
  let last: Buffer | undefined
  for await (const { page, bounds } of pages) {
    const found = elementsOf(page, bounds, last)
    last = found.at(-1)?.key ?? last
    if (found.length > 0) yield found
  }
}
