/** Where a paged list goes on: revision of the first page and the next key. Upstream: storage.EncodeContinue. */
import { badRequest, StatusError } from '../../api/meta/status-error.ts'

export interface Continuation {
  /** Revision of the first page; -1 goes on at whatever is current. */
  readonly revision: number
  /** First key of the next page, below the resource's prefix. */
  readonly start: string
}

export const encodeContinue = ({ revision, start }: Continuation): string =>
  Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: revision, start })).toString('base64url')

/** Throws BadRequest for anything that this server did not make. */
export const decodeContinue = (token: string): Continuation => {
  try {
    const value: unknown = JSON.parse(Buffer.from(token, 'base64url').toString('utf8'))
    if (typeof value === 'object' && value !== null && 'rv' in value && 'start' in value && 'v' in value) {
      const { rv, start, v } = value
      if (v === 'meta.k8s.io/v1' && typeof start === 'string' && typeof rv === 'number' && rv !== 0) {
        if (start.includes('..')) throw badRequest('continue key is not valid: path traversal')
        return { revision: rv, start }
      }
    }
  } catch (error) {
    if (error instanceof StatusError) throw error
  }
  throw badRequest('continue key is not valid')
}
