import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { message } from '../protobuf/message.ts'
import { GrpcChannel } from './client.ts'
import { type Listener, listen } from './listener.ts'
import { bidi, serverStream, unary } from './method.ts'
import { createGrpcServer, type Implementation, implementStream, implementUnary } from './server.ts'
import { GrpcError, grpcCode } from './status.ts'

const Text = message('test.Text', { text: [1, 'string'], times: [2, 'int32'] })
const echo = unary('/test.Echo/Echo', Text, Text)
const missing = unary('/test.Echo/Missing', Text, Text)
const repeat = serverStream('/test.Echo/Repeat', Text, Text)
const chat = bidi('/test.Echo/Chat', Text, Text)

const implementations: Implementation[] = [
  implementUnary(echo, async ({ text, times }, { signal }) => {
    if (text === 'refuse') throw new GrpcError(grpcCode.failedPrecondition, 'nein: 100 % übel\n')
    if (text === 'crash') throw new Error('a secret')
    if (text === 'hang') await new Promise((resolve) => signal.addEventListener('abort', resolve))
    return { text: text.repeat(Math.max(1, times)) }
  }),
  implementStream(repeat, async (call) => {
    for await (const { text, times } of call.requests) {
      for (let i = 0; i < times; i++) call.write({ text: `${text}${i}` })
    }
  }),
  implementStream(chat, async (call) => {
    for await (const { text } of call.requests) {
      if (text === 'refuse') throw new GrpcError(grpcCode.aborted, 'enough')
      call.write({ text: text.toUpperCase() })
    }
  }),
]

interface Setup extends AsyncDisposable {
  readonly channel: GrpcChannel
  readonly listener: Listener
  readonly internalErrors: unknown[]
}

const start = async (): Promise<Setup> => {
  const internalErrors: unknown[] = []
  const http2 = createGrpcServer({
    implementations,
    maxMessageBytes: 2 << 20,
    onInternalError: (err) => internalErrors.push(err),
  })
  const listener = await listen({
    host: '127.0.0.1',
    port: 0,
    http2,
    http1: (_, response) => response.end('plain'),
  })
  // The first endpoint is dead: every call shows the failover too.
  const channel = new GrpcChannel({ endpoints: ['http://127.0.0.1:9', `http://127.0.0.1:${listener.port}`] })
  return {
    channel,
    listener,
    internalErrors,
    [Symbol.asyncDispose]: async () => {
      channel.close()
      await listener.close(0)
    },
  }
}

const rejectsWith = (promise: Promise<unknown>, code: number, details: RegExp): Promise<void> =>
  assert.rejects(promise, (err) => {
    assert.ok(err instanceof GrpcError)
    assert.equal(err.code, code)
    assert.match(err.details, details)
    return true
  })

describe('gRPC', () => {
  it('answers unary calls, small and of many frames', async () => {
    await using setup = await start()
    assert.equal((await setup.channel.unary(echo, { text: 'hi' })).text, 'hi')
    const big = await setup.channel.unary(echo, { text: 'x'.repeat(1 << 20), times: 9 })
    assert.equal(big.text.length, 9 << 20)
    const many = await Promise.all(
      Array.from({ length: 200 }, (_, i) => setup.channel.unary(echo, { text: String(i) })),
    )
    assert.deepEqual(
      many.map(({ text }) => text),
      Array.from({ length: 200 }, (_, i) => String(i)),
    )
  })

  it('carries errors with code and text, and hides those that are not meant for the client', async () => {
    await using setup = await start()
    const call = (text: string): Promise<unknown> => setup.channel.unary(echo, { text })
    await rejectsWith(call('refuse'), grpcCode.failedPrecondition, /^nein: 100 % übel\n$/)
    await rejectsWith(call('crash'), grpcCode.internal, /^internal error$/)
    assert.match(String(setup.internalErrors[0]), /a secret/)
    await rejectsWith(
      setup.channel.unary(missing, {}),
      grpcCode.unimplemented,
      /unknown method Missing for service test.Echo/,
    )
    await rejectsWith(call('x'.repeat(3 << 20)), grpcCode.resourceExhausted, /larger than max/)
  })

  it('ends calls at their deadline and when they are aborted', async () => {
    await using setup = await start()
    await rejectsWith(
      setup.channel.unary(echo, { text: 'hang' }, { timeoutMs: 30 }),
      grpcCode.deadlineExceeded,
      /deadline exceeded/,
    )
    const controller = new AbortController()
    const hanging = setup.channel.unary(echo, { text: 'hang' }, { signal: controller.signal })
    setTimeout(() => controller.abort(), 20)
    await rejectsWith(hanging, grpcCode.cancelled, /canceled/)
  })

  it('streams answers in order, with a reader slower than the sender', async () => {
    await using setup = await start()
    const call = setup.channel.stream(repeat)
    call.write({ text: 'n', times: 5000 })
    call.end()
    let next = 0
    for await (const { text } of call.responses) {
      assert.equal(text, `n${next++}`)
      if (next % 500 === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    }
    assert.equal(next, 5000)
  })

  it('talks both ways, and ends a stream with its error', async () => {
    await using setup = await start()
    const call = setup.channel.stream(chat)
    const answers = call.responses[Symbol.asyncIterator]()
    for (const text of ['a', 'b']) {
      call.write({ text })
      assert.equal((await answers.next()).value?.text, text.toUpperCase())
    }
    call.write({ text: 'refuse' })
    await rejectsWith(answers.next(), grpcCode.aborted, /enough/)
  })

  it('is unavailable while the server is away, and comes back with it', async () => {
    await using setup = await start()
    await setup.channel.unary(echo, { text: 'hi' })
    const stream = setup.channel.stream(chat)
    stream.write({ text: 'a' })
    const answers = stream.responses[Symbol.asyncIterator]()
    await answers.next()
    await setup.listener.close(0)
    await rejectsWith(answers.next(), grpcCode.unavailable, /transport/)
    await rejectsWith(setup.channel.unary(echo, { text: 'hi' }), grpcCode.unavailable, /ECONNREFUSED/)
    const again = await listen({
      host: '127.0.0.1',
      port: setup.listener.port,
      http2: createGrpcServer({ implementations }),
      http1: () => {},
    })
    assert.equal((await setup.channel.unary(echo, { text: 'back' })).text, 'back')
    setup.channel.close()
    await again.close(0)
  })

  it('makes the next calls to another endpoint when told to, and ends those in progress where they are', async () => {
    await using first = await start()
    await using second = await start()
    const url = ({ listener }: Setup): string => `http://127.0.0.1:${listener.port}`
    const channel = new GrpcChannel({ endpoints: [url(first), url(second)] })
    const inProgress = channel.stream(chat)
    inProgress.write({ text: 'a' })
    const responses = inProgress.responses[Symbol.asyncIterator]()
    assert.equal((await responses.next()).value?.text, 'A')
    channel.useNextEndpoint()
    await channel.unary(echo, { text: 'elsewhere', times: 1 })
    inProgress.write({ text: 'b' })
    assert.equal((await responses.next()).value?.text, 'B')
    await first.listener.close(0)
    assert.equal((await channel.unary(echo, { text: 'still', times: 1 })).text, 'still')
    channel.close()
  })

  it('serves HTTP/1.1 on the same port', async () => {
    await using setup = await start()
    const response = await fetch(`http://127.0.0.1:${setup.listener.port}/`)
    assert.equal(await response.text(), 'plain')
  })
})
