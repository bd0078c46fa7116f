/** gRPC status codes, by their names in the gRPC specification. */
export const grpcCode = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const

export type GrpcCode = (typeof grpcCode)[keyof typeof grpcCode]

const codeNames: ReadonlyMap<number, string> = new Map(
  Object.entries(grpcCode).map(([name, code]) => [
    code,
    name === 'ok' ? 'OK' : `${name[0]?.toUpperCase()}${name.slice(1)}`,
  ]),
)

/** Go's name of a status code, as its error texts have it: `PermissionDenied`; Go spells Canceled with one l. */
export const grpcCodeName = (code: GrpcCode): string =>
  code === grpcCode.cancelled ? 'Canceled' : (codeNames.get(code) ?? `Code(${code})`)

/** A call that ended with a status other than OK, on either side. `details` is the text of grpc-message. */
export class GrpcError extends Error {
  readonly code: GrpcCode
  readonly details: string
  constructor(code: GrpcCode, details: string, options?: ErrorOptions) {
    super(details, options)
    this.name = 'GrpcError'
    this.code = code
    this.details = details
  }

  /** Anything thrown as a GrpcError; what is not one becomes Internal and keeps its cause for the log. */
  static from(thrown: unknown): GrpcError {
    if (thrown instanceof GrpcError) return thrown
    return new GrpcError(grpcCode.internal, 'internal error', { cause: thrown })
  }
}

const codes: ReadonlySet<number> = new Set(Object.values(grpcCode))
const isGrpcCode = (code: number): code is GrpcCode => codes.has(code)

/** grpc-message may hold printable ASCII only: everything else, and the percent sign, is percent-encoded UTF-8. */
export const encodeGrpcMessage = (text: string): string =>
  text.replaceAll(/[^\x20-\x24\x26-\x7e]+/gu, (part) =>
    [...Buffer.from(part)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  )

const decodeGrpcMessage = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Status of a call from its trailers (or headers, when the answer is trailers only); undefined if there is none. */
export const statusFromHeaders = (
  headers: Readonly<Record<string, string | string[] | undefined>>,
): { readonly code: GrpcCode; readonly message: string } | undefined => {
  const raw = headers['grpc-status']
  if (typeof raw !== 'string') return undefined
  const number = Number(raw)
  const message = headers['grpc-message']
  return {
    code: isGrpcCode(number) ? number : grpcCode.unknown,
    message: typeof message === 'string' ? decodeGrpcMessage(message) : '',
  }
}

/** How HTTP statuses of something that is not a gRPC server are read, by the gRPC specification. */
export const codeFromHttpStatus = (status: number): GrpcCode => {
  switch (status) {
    case 400:
      return grpcCode.internal
    case 401:
      return grpcCode.unauthenticated
    case 403:
      return grpcCode.permissionDenied
    case 404:
      return grpcCode.unimplemented
    case 429:
    case 502:
    case 503:
    case 504:
      return grpcCode.unavailable
    default:
      return grpcCode.unknown
  }
}
