/** POST /run/{namespace}/{pod}/{container}?cmd=…: runs a command and answers with its output. */
import type { ServerResponse } from 'node:http'
import { Writable } from 'node:stream'
import type { KubeletServerBackend } from './backend.ts'
import { statusOfExitCode } from './exec.ts'
import { HttpError, type KubeletRequest, sendText } from './http.ts'
import { findContainer } from './pods.ts'

const maxOutputBytes = 10 * 1024 * 1024

export const runCommand = async (
  { segments, query }: KubeletRequest,
  response: ServerResponse,
  backend: KubeletServerBackend,
): Promise<void> => {
  const container = await findContainer(backend, segments)
  const command = (query.get('cmd') ?? '').split(' ')
  const chunks: Buffer[] = []
  let size = 0
  const collect = (): Writable =>
    new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        size += chunk.length
        if (size <= maxOutputBytes) chunks.push(chunk)
        done()
      },
    })
  const gone = new AbortController()
  response.once('close', () => gone.abort(new Error('the client closed the connection')))
  const streams = { tty: false, stdin: undefined, stdout: collect(), stderr: collect(), resize: noSizes }
  const exitCode = await backend.exec(container, command, streams, gone.signal)
  const output = Buffer.concat(chunks).toString('utf8')
  if (exitCode !== 0) throw new HttpError(500, `${statusOfExitCode(command, exitCode).message ?? ''}: ${output}`)
  sendText(response, 200, output)
}

const noSizes: AsyncIterable<never> = {
  [Symbol.asyncIterator]: () => ({ next: async () => ({ done: true, value: undefined }) }),
}
