/** Pages written one after another, gathered into large writes. */
import type { FileHandle } from 'node:fs/promises'
import { pageFlag, writeMeta, writePageHeader } from './format.ts'

export const pageSize = 4096
/** Bytes gathered before they are written. */
const gatherBytes = 1 << 20
/** The two meta pages come last, when the root is known. */
const metaPages = 2

export class PageFile {
  readonly #file: FileHandle
  #next = metaPages
  #gathered: Buffer[] = []
  #gatheredBytes = 0
  #position = metaPages * pageSize

  constructor(file: FileHandle) {
    this.#file = file
  }

  /** Writes one page with its overflow; `page` is a multiple of the page size, its id and overflow are filled in. */
  async append(page: Buffer, { flags, count }: { readonly flags: number; readonly count: number }): Promise<number> {
    const id = this.#next
    const pages = page.length / pageSize
    writePageHeader(page, { id, flags, count, overflow: pages - 1 })
    this.#next += pages
    this.#gathered.push(page)
    this.#gatheredBytes += page.length
    if (this.#gatheredBytes >= gatherBytes) await this.#flush()
    return id
  }

  /** Ends the file with an empty freelist and the meta pages. Resolves with its size. */
  async finish(root: number): Promise<number> {
    const freelist = await this.append(Buffer.alloc(pageSize), { flags: pageFlag.freelist, count: 0 })
    await this.#flush()
    const head = Buffer.alloc(metaPages * pageSize)
    for (let id = 0; id < metaPages; id++) {
      const page = head.subarray(id * pageSize, (id + 1) * pageSize)
      writePageHeader(page, { id, flags: pageFlag.meta, count: 0, overflow: 0 })
      writeMeta(page, { pageSize, root, freelist, highWaterMark: this.#next, txid: BigInt(id) })
    }
    await this.#write(head, 0)
    return this.#next * pageSize
  }

  async #flush(): Promise<void> {
    const bytes = Buffer.concat(this.#gathered)
    this.#gathered = []
    this.#gatheredBytes = 0
    await this.#write(bytes, this.#position)
    this.#position += bytes.length
  }

  async #write(bytes: Buffer, position: number): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const { bytesWritten } = await this.#file.write(bytes, at, bytes.length - at, position + at)
      at += bytesWritten
    }
  }
}
