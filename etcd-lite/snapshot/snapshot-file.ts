/** A snapshot as a file without a name: it is gone with the last handle, whatever ends the process. */
import { randomUUID } from 'node:crypto'
import { type FileHandle, open, readdir, rm, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { type BoltBucketSource, type BoltEntry, writeBoltFile } from './bolt/writer.ts'

const suffix = '.snapshot.tmp'

export interface SnapshotFile {
  readonly file: FileHandle
  readonly sizeBytes: number
}

async function* until(
  signal: AbortSignal,
  entries: BoltBucketSource['entries'],
): AsyncGenerator<readonly BoltEntry[], void, void> {
  for await (const chunk of entries) {
    signal.throwIfAborted()
    yield chunk
  }
}

/** Writes buckets into a nameless file in `dir`; the caller closes it. Throws the reason of `signal` when it aborts. */
export const writeSnapshotFile = async (
  dir: string,
  buckets: readonly BoltBucketSource[],
  signal: AbortSignal,
): Promise<SnapshotFile> => {
  const path = join(dir, `${randomUUID()}${suffix}`)
  const file = await open(path, 'wx+', 0o600)
  try {
    await unlink(path)
    const watched = buckets.map(({ name, entries }) => ({ name, entries: until(signal, entries) }))
    return { file, sizeBytes: await writeBoltFile(file, watched) }
  } catch (err) {
    await file.close()
    throw err
  }
}

/** Removes what a process left that died between making a file and taking its name away. */
export const removeLeftSnapshots = async (dir: string): Promise<void> => {
  for (const name of await readdir(dir)) if (name.endsWith(suffix)) await rm(join(dir, name), { force: true })
}
