/** Request bodies, bounded. */
import { StatusError } from '../../api/meta/status-error.ts'
import type { ApiRequest } from './message.ts'

/** Upstream: MaxRequestBodyBytes of a resource request. */
export const maxBodyBytes = 3 * 1024 * 1024

const tooLarge = (limit: number): StatusError =>
  new StatusError('RequestEntityTooLarge', `Request entity too large: limit is ${limit}`)

/**
 * What is read and thrown away of a body that is too large, and for how long: clients write all of it before they
 * listen, and would see a broken pipe instead of the reason.
 */
const maxDiscardedBytes = 64 * 1024 * 1024
const maxDiscardMs = 10_000

/** The whole body; throws RequestEntityTooLarge as soon as it is known to be too large. */
export const readBody = async (request: ApiRequest, limit = maxBodyBytes): Promise<Buffer> => {
  if (Number(request.headers['content-length'] ?? 0) > limit) {
    await discard(request)
    throw tooLarge(limit)
  }
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const collect = (chunk: Buffer): void => {
      size += chunk.length
      chunks.push(chunk)
      if (size <= limit) return
      request.off('data', collect)
      chunks.length = 0
      void discard(request).then(() => reject(tooLarge(limit)))
    }
    request.on('data', collect)
    request.once('end', () => {
      if (size > limit) return
      const [only] = chunks
      resolve(chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks, size))
    })
    request.once('error', (error) =>
      reject(new StatusError('BadRequest', 'cannot read the request body', { cause: error })),
    )
    request.once('close', () => {
      // An error object for every request that went well would be the dearest part of reading it.
      if (!request.complete && size <= limit) {
        reject(new StatusError('BadRequest', 'the request body ended early'))
      }
    })
  })
}

/** Resolves when the client has said it all, or too much, or has gone. */
const discard = (request: ApiRequest): Promise<void> =>
  new Promise((resolve) => {
    let size = 0
    const timer = setTimeout(resolve, maxDiscardMs)
    const done = (): void => {
      clearTimeout(timer)
      resolve()
    }
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > maxDiscardedBytes) request.destroy()
    })
    request.once('end', done).once('close', done)
  })
