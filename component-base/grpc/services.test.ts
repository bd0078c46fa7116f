import assert from 'node:assert/strict'
import http2 from 'node:http2'
import { describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { etcdFileNames, etcdProtoFacts } from '../etcd/proto-facts.ts'
import { kv, watch } from '../etcd/service.ts'
import type { OutputOf } from '../protobuf/message.ts'
import { GrpcChannel } from './client.ts'
import { encodeFrame } from './frame.ts'
import { health } from './health-messages.ts'
import { healthService } from './health-service.ts'
import { type Listener, listen } from './listener.ts'
import { grpcFileNames, grpcProtoFacts } from './proto-facts.ts'
import { FileDescriptor } from './reflection/descriptor-messages.ts'
import { reflection } from './reflection/reflection-messages.ts'
import { reflectionService } from './reflection/reflection-service.ts'
import { createGrpcServer, type Implementation, implementStream, implementUnary } from './server.ts'

interface Running extends AsyncDisposable {
  readonly listener: Listener
  readonly channel: GrpcChannel
}

const serve = async (implementations: readonly Implementation[], maxMessageBytes = 1000): Promise<Running> => {
  const server = createGrpcServer({ implementations, maxMessageBytes })
  const listener = await listen({ host: '127.0.0.1', port: 0, http2: server, http1: () => {} })
  const channel = new GrpcChannel({ endpoints: [`http://127.0.0.1:${listener.port}`] })
  return {
    listener,
    channel,
    [Symbol.asyncDispose]: async () => {
      channel.close()
      await listener.close(0)
    },
  }
}

const put = implementUnary(kv.put, ({ key }) => ({ header: { revision: key.length } }))

describe('the health service', () => {
  it('tells the status of the whole, also when it changes, and knows no other', async () => {
    const state = {
      serving: true,
      listeners: new Set<() => void>(),
      subscribe(listener: () => void) {
        state.listeners.add(listener)
        return () => state.listeners.delete(listener)
      },
    }
    await using running = await serve(healthService(state))
    assert.equal((await running.channel.unary(health.check, {})).status, 1)
    await assert.rejects(running.channel.unary(health.check, { service: 'x' }), { code: 5, details: 'unknown service' })
    const call = running.channel.stream(health.watch)
    call.write({})
    call.end()
    const statuses = call.responses[Symbol.asyncIterator]()
    assert.equal((await statuses.next()).value?.status, 1)
    state.serving = false
    for (const listener of state.listeners) listener()
    assert.equal((await statuses.next()).value?.status, 2)
    call.cancel()
    const unknown = running.channel.stream(health.watch)
    unknown.write({ service: 'x' })
    assert.equal((await unknown.responses[Symbol.asyncIterator]().next()).value?.status, 3)
    unknown.cancel()
  })
})

describe('reflection', () => {
  const options = {
    implementations: [put, implementStream(watch.watch, async () => {})],
    facts: { ...etcdProtoFacts, ...grpcProtoFacts },
    fileNames: { ...etcdFileNames, ...grpcFileNames },
  }

  for (const version of ['v1', 'v1alpha'] as const) {
    it(`lists services and describes them (${version})`, async () => {
      await using running = await serve([...options.implementations, ...reflectionService(options)])
      const call = running.channel.stream(reflection[version] as typeof reflection.v1)
      const answers = call.responses[Symbol.asyncIterator]()
      const ask = async (request: Parameters<typeof call.write>[0]) => {
        call.write(request)
        const { value } = await answers.next()
        assert.ok(value)
        return value as OutputOf<typeof reflection.v1.response>
      }
      const { listServicesResponse } = await ask({ listServices: '*' })
      assert.deepEqual(
        listServicesResponse?.service.map(({ name }) => name),
        [
          'etcdserverpb.KV',
          'etcdserverpb.Watch',
          'grpc.reflection.v1.ServerReflection',
          'grpc.reflection.v1alpha.ServerReflection',
        ],
      )
      const { fileDescriptorResponse } = await ask({ fileContainingSymbol: 'etcdserverpb.KV.Put' })
      const files = fileDescriptorResponse?.fileDescriptorProto.map((bytes) => FileDescriptor.decode(bytes)) ?? []
      assert.deepEqual(
        files.map(({ name, dependency }) => [name, dependency]),
        [
          ['rpc.proto', ['kv.proto']],
          ['kv.proto', []],
        ],
      )
      const [rpc] = files
      assert.deepEqual(rpc?.service[1]?.method, [
        {
          name: 'Watch',
          inputType: '.etcdserverpb.WatchRequest',
          outputType: '.etcdserverpb.WatchResponse',
          clientStreaming: true,
          serverStreaming: true,
        },
      ])
      const request = rpc?.messageType.find(({ name }) => name === 'WatchRequest')
      assert.deepEqual(request?.oneofDecl, [{ name: 'request_union' }])
      assert.deepEqual(
        request?.field.map(({ name, jsonName, oneofIndex }) => [name, jsonName, oneofIndex]),
        [
          ['create_request', 'createRequest', 0],
          ['cancel_request', 'cancelRequest', 0],
          ['progress_request', 'progressRequest', 0],
        ],
      )
      const create = rpc?.messageType.find(({ name }) => name === 'WatchCreateRequest')
      assert.equal(
        create?.field.find(({ name }) => name === 'filters')?.typeName,
        '.etcdserverpb.WatchCreateRequest.FilterType',
      )
      assert.deepEqual(
        create?.enumType.map(({ name }) => name),
        ['FilterType'],
      )
      const again = await ask({ fileContainingSymbol: 'mvccpb.Event.EventType' })
      assert.equal(again.fileDescriptorResponse?.fileDescriptorProto.length, 1)
      const missing = await ask({ fileContainingSymbol: 'etcdserverpb.Nope' })
      assert.equal(missing.errorResponse?.errorCode, 5)
      assert.ok((await ask({ fileByFilename: 'kv.proto' })).fileDescriptorResponse)
      call.cancel()
    })
  }
})

describe('compressed requests', () => {
  const send = (port: number, encoding: string, frame: Buffer): Promise<Record<string, unknown>> =>
    new Promise((resolve, reject) => {
      const session = http2.connect(`http://127.0.0.1:${port}`)
      const stream = session.request({
        ':method': 'POST',
        ':path': kv.put.path,
        'content-type': 'application/grpc',
        'grpc-encoding': encoding,
        te: 'trailers',
      })
      let status: Record<string, unknown> = {}
      stream.on('response', (headers) => {
        if ('grpc-status' in headers) status = headers
      })
      stream.on('trailers', (trailers) => {
        status = trailers
      })
      stream.on('error', reject)
      stream.on('close', () => {
        session.close()
        resolve(status)
      })
      stream.resume()
      stream.end(frame)
    })

  const gzipped = (key: Buffer): Buffer => {
    const message = gzipSync(encodeFrame(kv.put.request, { key }).subarray(5))
    const head = Buffer.from([1, 0, 0, 0, 0])
    head.writeUInt32BE(message.length, 1)
    return Buffer.concat([head, message])
  }

  it('are taken when they are gzip', async () => {
    await using running = await serve([put])
    assert.equal((await send(running.listener.port, 'gzip', gzipped(Buffer.from('abc'))))['grpc-status'], '0')
  })

  it('are bounded by what they become, and refused when they are no gzip or have another encoding', async () => {
    await using running = await serve([put])
    const bomb = await send(running.listener.port, 'gzip', gzipped(Buffer.alloc(100_000)))
    assert.equal(bomb['grpc-status'], '8')
    const damaged = gzipped(Buffer.from('abc')).fill(0, 5)
    assert.equal((await send(running.listener.port, 'gzip', damaged))['grpc-status'], '13')
    assert.equal((await send(running.listener.port, 'identity', gzipped(Buffer.from('abc'))))['grpc-status'], '13')
    assert.equal((await send(running.listener.port, 'zstd', gzipped(Buffer.from('abc'))))['grpc-status'], '12')
  })
})
