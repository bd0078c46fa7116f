import type { MessageType } from '../protobuf/message.ts'

/** One request and one response; one request and many responses; many of both. */
export type MethodKind = 'unary' | 'server-stream' | 'bidi'

/** A method of a service: what client and server share. `path` is `/package.Service/Method`. */
export interface GrpcMethod<Kind extends MethodKind, ReqOut, ReqIn, ResOut, ResIn> {
  readonly kind: Kind
  readonly path: string
  readonly request: MessageType<ReqOut, ReqIn>
  readonly response: MessageType<ResOut, ResIn>
}

type DeclareMethod<Kind extends MethodKind> = <ReqOut, ReqIn, ResOut, ResIn>(
  path: string,
  request: MessageType<ReqOut, ReqIn>,
  response: MessageType<ResOut, ResIn>,
) => GrpcMethod<Kind, ReqOut, ReqIn, ResOut, ResIn>

const declare =
  <const Kind extends MethodKind>(kind: Kind): DeclareMethod<Kind> =>
  (path, request, response) => ({ kind, path, request, response })

export const unary = declare('unary')
export const serverStream = declare('server-stream')
export const bidi = declare('bidi')
