/** A tar archive of a few small files, as `docker import` reads it (ustar). */

export interface TarEntry {
  readonly name: string
  readonly mode: number
  readonly data: Uint8Array
}

const blockSize = 512

const header = ({ name, mode, data }: TarEntry): Buffer => {
  const block = Buffer.alloc(blockSize)
  const octal = (value: number, offset: number, length: number): void => {
    block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, offset, 'latin1')
  }
  block.write(name, 0, 100, 'utf8')
  octal(mode, 100, 8)
  octal(0, 108, 8) // owner
  octal(0, 116, 8) // group
  octal(data.length, 124, 12)
  octal(0, 136, 12) // modification time: the same image every time
  block.write('        ', 148, 'latin1') // the checksum counts itself as blanks
  block.write('0', 156, 'latin1')
  block.write('ustar\x0000', 257, 'latin1')
  const checksum = block.reduce((sum, byte) => sum + byte, 0)
  block.write(`${checksum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return block
}

/** Archives regular files, owned by root. */
export const tar = (entries: readonly TarEntry[]): Buffer => {
  const parts = entries.flatMap((entry) => [
    header(entry),
    entry.data,
    Buffer.alloc((blockSize - (entry.data.length % blockSize)) % blockSize),
  ])
  return Buffer.concat([...parts, Buffer.alloc(2 * blockSize)])
}
