import { rename, writeFile } from 'node:fs/promises'

/** Writes a checkpoint so that a reader finds the old text or the new one, never a part. Only the owner may read it. */
export const replaceFile = async (path: string, text: string): Promise<void> => {
  await writeFile(`${path}.tmp`, text, { mode: 0o600 })
  await rename(`${path}.tmp`, path)
}
