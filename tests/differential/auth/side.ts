/** One of the two servers: makes calls as users and says what was answered, without what is its own. */
import { auth, cluster, kv, lease, maintenance, watch } from '../../../component-base/etcd/service.ts'
import { type CallOptions, GrpcChannel } from '../../../component-base/grpc/client.ts'
import type { GrpcMethod } from '../../../component-base/grpc/method.ts'
import { GrpcError } from '../../../component-base/grpc/status.ts'
import { normalise } from '../normalise.ts'
import type { As, AuthOperation } from './operations.ts'

type AnyUnary = GrpcMethod<'unary', unknown, object, object, unknown>

const methods: ReadonlyMap<string, AnyUnary> = new Map(
  Object.entries({
    ...auth,
    ...kv,
    leaseGrant: lease.grant,
    leaseRevoke: lease.revoke,
    leaseTimeToLive: lease.timeToLive,
    leaseLeases: lease.leases,
    memberList: cluster.memberList,
    status: maintenance.status,
    alarm: maintenance.alarm,
    hash: maintenance.hash,
    hashKv: maintenance.hashKv,
    defragment: maintenance.defragment,
  }) as unknown as [string, AnyUnary][],
)

const passwords = ['p1', 'p2']
const everything = { key: Buffer.from([0]), rangeEnd: Buffer.from([0]) }
const byteFields: ReadonlySet<string> = new Set(['key', 'rangeEnd', 'value'])
const leaseFields: ReadonlySet<string> = new Set(['lease', 'ID'])
/** Answered, and different by nature: only whether they are matters. */
const withoutContent: ReadonlySet<string> = new Set(['memberList', 'status', 'alarm', 'hash', 'hashKv', 'defragment'])

export class AuthSide {
  readonly #channel: GrpcChannel
  readonly #tokens = new Map<As, string>()
  #authEnabled = false
  #base = 0
  #revision = 0

  constructor(endpoint: string) {
    this.#channel = new GrpcChannel({ endpoints: [endpoint] })
  }

  close(): void {
    this.#channel.close()
  }

  /** Turns auth off and empties the server. */
  async reset(): Promise<void> {
    await this.#disable()
    this.#authEnabled = false
    this.#tokens.clear()
    const { users } = await this.#channel.unary(auth.userList, {})
    for (const name of users) await this.#channel.unary(auth.userDelete, { name })
    const { roles } = await this.#channel.unary(auth.roleList, {})
    for (const role of roles) await this.#channel.unary(auth.roleDelete, { role })
    const { leases } = await this.#channel.unary(lease.leases, {})
    for (const { ID } of leases) await this.#channel.unary(lease.revoke, { ID })
    await this.#channel.unary(kv.deleteRange, everything)
    await this.#channel.unary(kv.put, { key: Buffer.from('reset') })
    const { header } = await this.#channel.unary(kv.deleteRange, everything)
    this.#base = this.#revision = header?.revision ?? 0
  }

  /** Makes a call. Errors are answers too. While auth is off users' tokens are kept and not sent. */
  async run({ op, as, request }: AuthOperation): Promise<unknown> {
    const token = as === 'stranger' ? 'abcdefghijklmnop.1' : this.#authEnabled ? this.#tokens.get(as) : undefined
    const options: CallOptions = { timeoutMs: 5000, ...(token === undefined ? {} : { metadata: { token } }) }
    const message = this.#resolve(request)
    try {
      if (op === 'login') return await this.#login(message as { name: As; password: string })
      if (op === 'watch') return await this.#watch(message, options)
      if (op === 'leaseKeepAlive') return await this.#keepAlive(message, options)
      const method = methods.get(op)
      if (method === undefined) throw new Error(`no method ${op}`)
      const answer = await this.#channel.unary(method, message, options)
      if (op === 'authEnable' || op === 'authDisable') this.#authEnabled = op === 'authEnable'
      return withoutContent.has(op) ? 'answered' : this.#comparable(answer)
    } catch (err) {
      if (err instanceof GrpcError) return { code: err.code, details: err.details }
      throw err
    }
  }

  async #login({ name, password }: { name: As; password: string }): Promise<unknown> {
    const { header, token } = await this.#channel.unary(auth.authenticate, { name, password })
    this.#tokens.set(name, token)
    return this.#comparable({ header, token: /^[a-zA-Z]{16}\.\d+$/.test(token) ? 'a simple token' : token })
  }

  /** What a watch begins with; it is not followed. */
  async #watch(createRequest: object, options: CallOptions): Promise<unknown> {
    const stream = this.#channel.stream(watch.watch, options)
    stream.write({ createRequest })
    try {
      for await (const response of stream.responses) return this.#comparable(response)
      return 'ended'
    } finally {
      stream.cancel()
    }
  }

  async #keepAlive(request: object, options: CallOptions): Promise<unknown> {
    const stream = this.#channel.stream(lease.keepAlive, options)
    stream.write(request)
    try {
      for await (const response of stream.responses) return this.#comparable(response)
      return 'ended'
    } finally {
      stream.cancel()
    }
  }

  async #disable(): Promise<void> {
    const tries = [undefined, ...passwords]
    let last: unknown
    for (const password of tries) {
      try {
        const token =
          password === undefined
            ? undefined
            : (await this.#channel.unary(auth.authenticate, { name: 'root', password })).token
        await this.#channel.unary(auth.authDisable, {}, token === undefined ? {} : { metadata: { token } })
        return
      } catch (err) {
        last = err
      }
    }
    throw new Error('auth cannot be turned off', { cause: last })
  }

  #comparable(answer: object): unknown {
    const { header } = answer as { header?: { revision: number } }
    if (header !== undefined) this.#revision = Math.max(this.#revision, header.revision)
    return normalise(answer, { base: this.#base, granted: [] })
  }

  #resolve(request: object): object {
    const field = (name: string, value: unknown): unknown => {
      if (value === 'newest') return this.#revision
      if (typeof value === 'string' && byteFields.has(name)) return Buffer.from(value, 'latin1')
      if (typeof value === 'number' && leaseFields.has(name)) return BigInt(value)
      if (Array.isArray(value)) return value.map((item: object) => this.#resolve(item))
      return typeof value === 'object' && value !== null ? this.#resolve(value) : value
    }
    return Object.fromEntries(Object.entries(request).map(([name, value]) => [name, field(name, value)]))
  }
}
