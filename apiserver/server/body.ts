/** Request bodies, bounded. */
import type { IncomingMessage } from 'node:http'
import { StatusError } from '../../api/meta/status-error.ts'

/** Upstream: MaxRequestBodyBytes of a resource request. */
export const maxBodyBytes = 3 * 1024 * 1024

const tooLarge = (limit: number): StatusError =>
  new StatusError('RequestEntityTooLarge', `Request entity too large: limit is ${limit}`)

/** The whole body; throws RequestEntityTooLarge without reading on. */
export const readBody = async (request: IncomingMessage, limit = maxBodyBytes): Promise<Buffer> => {
  if (Number(request.headers['content-length'] ?? 0) > limit) throw tooLarge(limit)
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > limit) {
        request.pause()
        reject(tooLarge(limit))
        return
      }
      chunks.push(chunk)
    })
    request.once('end', () => {
      const [only] = chunks
      resolve(chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks, size))
    })
    request.once('error', (error) =>
      reject(new StatusError('BadRequest', 'cannot read the request body', { cause: error })),
    )
    request.once('close', () => reject(new StatusError('BadRequest', 'the request body ended early')))
  })
}
