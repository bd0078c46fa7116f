/** What bbolt's own check looks for: every page belongs to one tree, or is free, and to nothing else. */
import {
  bucketFlag,
  bucketHeaderBytes,
  type Meta,
  pageFlag,
  pageHeaderBytes,
  readPageHeader,
  readPageId,
} from './format.ts'
import { damaged, elements, PageSet, readWholePage, TreeReader } from './pages.ts'
import type { ReadAt } from './window.ts'

const metaPages = [0, 1]
/** A freelist with more entries than its count can say begins with the true count. */
const countFollows = 0xffff
const idBytes = 8

const readFreelist = async (read: ReadAt, meta: Meta, seen: PageSet): Promise<number[]> => {
  const page = await readWholePage(read, meta, meta.freelist, seen)
  const { id, flags, count } = readPageHeader(page)
  if (id !== meta.freelist || flags !== pageFlag.freelist) throw damaged(`page ${meta.freelist} is not the freelist`)
  const [start, length] =
    count === countFollows ? [pageHeaderBytes + idBytes, readPageId(page, pageHeaderBytes)] : [pageHeaderBytes, count]
  if (start + length * idBytes > page.length) throw damaged('the freelist reaches beyond its page')
  return Array.from({ length }, (_, i) => readPageId(page, start + i * idBytes))
}

/** Reads all trees and the freelist, if it was written (etcd does not, a snapshot of ours has an empty one). */
export const checkPages = async (read: ReadAt, meta: Meta): Promise<void> => {
  const seen = new PageSet(meta.highWaterMark)
  for (const id of metaPages) seen.add(id)
  const trees = new TreeReader(read, meta, seen)
  for await (const chunk of elements(trees.leaves(meta.root))) {
    for (const { flags, value } of chunk) {
      if ((flags & bucketFlag) === 0 || value.length < bucketHeaderBytes) continue // refused by who reads it
      const root = readPageId(value, 0)
      if (root === 0) continue
      for await (const _ of elements(trees.leaves(root))) continue
    }
  }
  if (meta.freelist >= meta.highWaterMark) return
  for (const id of await readFreelist(read, meta, seen)) {
    if (!Number.isSafeInteger(id) || id >= meta.highWaterMark) throw damaged(`there is no page ${id} to be free`)
    if (seen.has(id)) throw damaged(`page ${id} is free and in use`)
    seen.add(id)
  }
  for (let id = 0; id < meta.highWaterMark; id++) {
    if (!seen.has(id)) throw damaged(`page ${id} is neither in use nor free`)
  }
}
