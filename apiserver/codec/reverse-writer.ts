/**
 * Writes protobuf from its end to its start: the length of a message is known when its head is written, so nothing is
 * measured beforehand or moved afterwards.
 *
 *     buffer  |  free  | tag | length | content |
 *                      ^ position, goes down
 */

const initialBytes = 64 * 1024
/** A buffer that one huge object needed is not kept. */
const keptBytes = 4 * 1024 * 1024

export class ReverseWriter {
  #buffer = Buffer.allocUnsafeSlow(initialBytes)
  #position = initialBytes

  /** Bytes written so far. */
  get length(): number {
    return this.#buffer.length - this.#position
  }

  /** What was written, in a buffer of its own; the writer is empty again. */
  take(): Buffer {
    const bytes = Buffer.from(this.#buffer.subarray(this.#position))
    if (this.#buffer.length > keptBytes) this.#buffer = Buffer.allocUnsafeSlow(initialBytes)
    this.#position = this.#buffer.length
    return bytes
  }

  byte(value: number): void {
    this.#reserve(1)
    this.#buffer[--this.#position] = value
  }

  /** A varint of an integer that is safe; negative ones take ten bytes, as int32 and int64 do. */
  varint(value: number): void {
    if (value < 0) {
      this.bigVarint(BigInt(value))
      return
    }
    this.#reserve(8)
    if (value < 0x80) {
      this.#buffer[--this.#position] = value
      return
    }
    let size = 1
    for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++
    this.#position -= size
    let at = this.#position
    let rest = value
    while (rest >= 0x80) {
      this.#buffer[at++] = (rest % 0x80) | 0x80
      rest = Math.floor(rest / 0x80)
    }
    this.#buffer[at] = rest
  }

  bigVarint(value: bigint): void {
    const bytes: number[] = []
    let rest = BigInt.asUintN(64, value)
    while (rest >= 0x80n) {
      bytes.push(Number(rest & 0x7fn) | 0x80)
      rest >>= 7n
    }
    bytes.push(Number(rest))
    this.bytes(bytes)
  }

  double(value: number): void {
    this.#reserve(8)
    this.#position -= 8
    this.#buffer.writeDoubleLE(value, this.#position)
  }

  bytes(value: Uint8Array | readonly number[]): void {
    this.#reserve(value.length)
    this.#position -= value.length
    this.#buffer.set(value, this.#position)
  }

  /** UTF-8; returns its length in bytes. */
  text(value: string): number {
    // Three bytes are the most that one UTF-16 unit becomes.
    this.#reserve(value.length * 3)
    const ascii = value.length < 48 ? this.#asciiText(value) : false
    if (ascii) return value.length
    const length = Buffer.byteLength(value)
    this.#position -= length
    this.#buffer.write(value, this.#position, length, 'utf8')
    return length
  }

  /** Short texts are cheaper to copy here than to hand to native code. False if there is more than ASCII in it. */
  #asciiText(value: string): boolean {
    const buffer = this.#buffer
    let at = this.#position
    for (let index = value.length - 1; index >= 0; index--) {
      const code = value.charCodeAt(index)
      if (code >= 0x80) return false
      buffer[--at] = code
    }
    this.#position = at
    return true
  }

  #reserve(size: number): void {
    if (this.#position >= size) return
    const used = this.length
    const next = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, used + size * 2))
    this.#buffer.copy(next, next.length - used, this.#position)
    this.#buffer = next
    this.#position = next.length - used
  }
}
