/** Docker's framing of two output streams on one connection: [stream, 0, 0, 0, size (4 bytes)] payload. */
import { PassThrough, type Readable, Writable } from 'node:stream'

const headerSize = 8
const stderrType = 2

/** Splits frames into payloads; keeps what is incomplete. */
export const createDemultiplexer = (): ((chunk: Buffer) => { readonly stderr: boolean; readonly data: Buffer }[]) => {
  let header = Buffer.alloc(0)
  let remaining = 0
  let stderr = false
  return (chunk) => {
    const out: { stderr: boolean; data: Buffer }[] = []
    let rest = chunk
    while (rest.length > 0) {
      if (remaining === 0) {
        const missing = headerSize - header.length
        header = Buffer.concat([header, rest.subarray(0, missing)])
        rest = rest.subarray(missing)
        if (header.length < headerSize) break
        stderr = header[0] === stderrType
        remaining = header.readUInt32BE(4)
        header = Buffer.alloc(0)
        continue
      }
      const data = rest.subarray(0, remaining)
      out.push({ stderr, data })
      remaining -= data.length
      rest = rest.subarray(data.length)
    }
    return out
  }
}

/** Two readable streams with back-pressure: while one of them is full the source is not read. */
export const demultiplex = (source: Readable): { stdout: Readable; stderr: Readable } => {
  const stdout = new PassThrough()
  const stderr = new PassThrough()
  const split = createDemultiplexer()
  const sink = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      const waits: Promise<void>[] = []
      for (const frame of split(chunk)) {
        const target = frame.stderr ? stderr : stdout
        if (target.destroyed) continue
        if (!target.write(frame.data)) {
          waits.push(
            new Promise((resolve) => {
              const finish = (): void => {
                target.off('drain', finish)
                target.off('close', finish)
                resolve()
              }
              target.on('drain', finish)
              target.on('close', finish)
            }),
          )
        }
      }
      Promise.all(waits).then(() => done(), done)
    },
    final: (done) => {
      stdout.end()
      stderr.end()
      done()
    },
  })
  source.on('error', (error) => {
    stdout.destroy(error)
    stderr.destroy(error)
  })
  source.on('close', () => sink.end())
  source.pipe(sink)
  return { stdout, stderr }
}
