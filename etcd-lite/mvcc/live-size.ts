/**
 * How much of the store is live: keys and history that can still be read. LevelDB does not say, and to read
 * everything would cost as much as a compaction, so a sample of the keys is weighed, evenly spread over the index.
 */
import { indexRecordBytes, valueRecordBytes } from './records.ts'
import type { MvccStore } from './store.ts'
import type { Hit } from './range.ts'

const sampledKeys = 500
/** Read at once: values may have megabytes. */
const readTogether = 16

/** An estimate of the bytes of all live records; exact for up to 500 keys. */
export const estimateLiveBytes = async (store: MvccStore): Promise<number> => {
  const stride = Math.max(1, Math.ceil(store.keyCount / sampledKeys))
  const hits: Hit[] = []
  let n = 0
  store.index.forEachEntry({ type: 'range', start: '', end: undefined }, (entry) => {
    if (n++ % stride !== 0) return
    for (const version of [...entry.older, entry.head]) hits.push({ entry, version })
  })
  const snapshot = store.openSnapshot()
  let bytes = hits.reduce((sum, { entry }) => sum + indexRecordBytes(entry.key), 0)
  try {
    const withValue = hits.filter(({ version }) => !version.deleted)
    for (let at = 0; at < withValue.length; at += readTogether) {
      const values = await store.load(withValue.slice(at, at + readTogether), snapshot)
      bytes += values.reduce((sum, value) => sum + valueRecordBytes(value), 0)
    }
  } finally {
    await snapshot.close()
  }
  return bytes * stride
}
