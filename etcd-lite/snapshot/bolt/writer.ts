/**
 * Writes a bbolt file from sorted entries, bottom up: a full leaf page goes to the file, its first key and number to
 * the level above, and so on. Memory is one page a level, however large the file.
 */
import type { FileHandle } from 'node:fs/promises'
import { bucketFlag, bucketHeaderBytes, elementBytes, pageFlag, pageHeaderBytes } from './format.ts'
import { PageFile, pageSize } from './page-file.ts'

export type BoltEntry = readonly [key: Buffer, value: Buffer]

export interface BoltBucketSource {
  readonly name: string
  /** Chunks of entries, strictly ascending by key, no key empty. */
  readonly entries: AsyncIterable<readonly BoltEntry[]> | Iterable<readonly BoltEntry[]>
}

interface Element {
  readonly key: Buffer
  /** A leaf's. */
  readonly value: Buffer
  /** Flags of a leaf's element; the page of a branch's. */
  readonly number: number
}

const noValue = Buffer.alloc(0)
/** bbolt never has a branch of one child, and its rebalancing counts on that. */
const leastChildren = 2

/** One level of a tree: the page that is being filled. */
class Level {
  readonly #kind: 'leaf' | 'branch'
  #elements: Element[] = []
  #bytes = pageHeaderBytes

  constructor(kind: 'leaf' | 'branch') {
    this.#kind = kind
  }

  get lastKey(): Buffer | undefined {
    return this.#elements.at(-1)?.key
  }

  /** Adds an element; returns those of the page before it, when that is full. */
  add(element: Element): readonly Element[] | undefined {
    const bytes = elementBytes + element.key.length + element.value.length
    let page: readonly Element[] | undefined
    if (this.#bytes + bytes > pageSize && this.#elements.length > this.#keptBack) {
      // A branch keeps one child back, so that its last page is not left with a single one.
      const kept = this.#kind === 'leaf' ? [] : this.#elements.splice(-1)
      page = this.#elements
      this.#elements = kept
      this.#bytes = kept.reduce((sum, { key }) => sum + elementBytes + key.length, pageHeaderBytes)
    }
    this.#elements.push(element)
    this.#bytes += bytes
    return page
  }

  takeRest(): readonly Element[] {
    return this.#elements.splice(0)
  }

  /** Lays elements out as a page. */
  encode(elements: readonly Element[]): Buffer {
    const head = pageHeaderBytes + elements.length * elementBytes
    const bytes = elements.reduce((sum, { key, value }) => sum + key.length + value.length, head)
    const page = Buffer.alloc(Math.ceil(bytes / pageSize) * pageSize)
    let data = head
    for (const [i, { key, value, number }] of elements.entries()) {
      const at = pageHeaderBytes + i * elementBytes
      if (this.#kind === 'leaf') {
        page.writeUInt32LE(number, at)
        page.writeUInt32LE(data - at, at + 4)
        page.writeUInt32LE(key.length, at + 8)
        page.writeUInt32LE(value.length, at + 12)
      } else {
        page.writeUInt32LE(data - at, at)
        page.writeUInt32LE(key.length, at + 4)
        page.writeBigUInt64LE(BigInt(number), at + 8)
      }
      page.set(key, data)
      page.set(value, data + key.length)
      data += key.length + value.length
    }
    return page
  }

  get flags(): number {
    return pageFlag[this.#kind]
  }

  get #keptBack(): number {
    return this.#kind === 'leaf' ? 0 : leastChildren
  }
}

/** A tree in the making. */
class TreeWriter {
  readonly #file: PageFile
  readonly #levels: Level[] = [new Level('leaf')]

  constructor(file: PageFile) {
    this.#file = file
  }

  async add(key: Buffer, value: Buffer, flags = 0): Promise<void> {
    const last = this.#levels[0]?.lastKey
    if (key.length === 0) throw new RangeError('a key of a bucket is empty')
    if (last !== undefined && last.compare(key) >= 0) throw new RangeError('keys of a bucket are not in order')
    await this.#add(0, { key, value, number: flags })
  }

  /** Writes what is left, and the levels above. Resolves with the page of the root. */
  async finish(): Promise<number> {
    for (let index = 0; ; index++) {
      const level = this.#levels[index]
      if (level === undefined) throw new Error('a tree without a root')
      const rest = level.takeRest()
      if (index === this.#levels.length - 1) return this.#write(level, rest)
      await this.#raise(index, rest)
    }
  }

  async #add(index: number, element: Element): Promise<void> {
    const level = (this.#levels[index] ??= new Level('branch'))
    const full = level.add(element)
    if (full !== undefined) await this.#raise(index, full)
  }

  /** Writes a page of one level and names it in the level above. */
  async #raise(index: number, elements: readonly Element[]): Promise<void> {
    const level = this.#levels[index]
    const [first] = elements
    if (level === undefined || first === undefined) return
    const id = await this.#write(level, elements)
    await this.#add(index + 1, { key: first.key, value: noValue, number: id })
  }

  #write(level: Level, elements: readonly Element[]): Promise<number> {
    return this.#file.append(level.encode(elements), { flags: level.flags, count: elements.length })
  }
}

const encodeBucket = (root: number): Buffer => {
  const header = Buffer.alloc(bucketHeaderBytes) // the second half is the bucket's sequence: 0
  header.writeBigUInt64LE(BigInt(root), 0)
  return header
}

/**
 * Writes buckets, ascending by name, into an empty file. Resolves with the size of the database in bytes. Throws
 * RangeError for entries that are not in order, and what reading the entries throws.
 */
export const writeBoltFile = async (file: FileHandle, buckets: Iterable<BoltBucketSource>): Promise<number> => {
  const pages = new PageFile(file)
  const root = new TreeWriter(pages)
  for (const { name, entries } of buckets) {
    const tree = new TreeWriter(pages)
    for await (const chunk of entries) for (const [key, value] of chunk) await tree.add(key, value)
    await root.add(Buffer.from(name), encodeBucket(await tree.finish()), bucketFlag)
  }
  return pages.finish(await root.finish())
}
