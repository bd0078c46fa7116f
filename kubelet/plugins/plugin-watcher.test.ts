import assert from 'node:assert/strict'
import { mkdtempSync, mkdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { listen } from '../../component-base/grpc/listener.ts'
import { createGrpcServer, implementUnary } from '../../component-base/grpc/server.ts'
import { createLogger } from '../../component-base/logging/logger.ts'
import { registration } from './messages.ts'
import { createPluginWatcher, type Plugin } from './plugin-watcher.ts'

const folder = mkdtempSync(join(tmpdir(), 'kubets-plugins-'))
const stop = new AbortController()
const present = new Set<string>()
const refusals = new Map<string, string>()
const open = new Set<() => Promise<void>>()

/** A plugin that asks to be registered; resolves with what it is answered. */
const startPlugin = async (name: string, type = 'TestPlugin', path = join(folder, `${name}.sock`)) => {
  const answers: string[] = []
  const waiting: ((answer: string) => void)[] = []
  const answer = (text: string): void => {
    const first = waiting.shift()
    if (first === undefined) answers.push(text)
    else first(text)
  }
  const http2 = createGrpcServer({
    maxMessageBytes: 1 << 16,
    onInternalError: () => undefined,
    implementations: [
      implementUnary(registration.getInfo, () => ({ type, name, endpoint: '', supportedVersions: ['v1'] })),
      implementUnary(registration.notifyRegistrationStatus, ({ pluginRegistered, error }) => {
        answer(pluginRegistered ? 'registered' : error)
        return {}
      }),
    ],
  })
  const listener = await listen({ path, http2, http1: (_request, response) => response.end() })
  const close = async (): Promise<void> => {
    open.delete(close)
    rmSync(path, { force: true })
    await listener.close(0)
  }
  open.add(close)
  return {
    next: () =>
      new Promise<string>((resolve) => {
        const [text] = answers.splice(0, 1)
        if (text === undefined) waiting.push(resolve)
        else resolve(text)
      }),
    close,
  }
}

const when = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}

let running: Promise<void>
before(() => {
  const handler = {
    register: async ({ name }: Plugin) => {
      const refusal = refusals.get(name)
      if (refusal !== undefined) throw new Error(refusal)
      present.add(name)
    },
    deregister: ({ name }: Plugin) => void present.delete(name),
  }
  running = createPluginWatcher({
    folder,
    handlers: new Map([['TestPlugin', handler]]),
    log: createLogger('test', -1),
  }).run(stop.signal)
})
after(async () => {
  // Those of tests that failed would keep the process alive.
  await Promise.all([...open].map((close) => close()))
  stop.abort()
  await running
  rmSync(folder, { recursive: true })
})

describe('the plugin watcher', { timeout: 30_000 }, () => {
  it('registers a plugin that appears, tells it so, and misses it when it goes', async () => {
    const plugin = await startPlugin('one')
    assert.equal(await plugin.next(), 'registered')
    assert.ok(present.has('one'))
    await plugin.close()
    await when(() => !present.has('one'))
  })

  it('tells a plugin why it is not taken, and asks again', async () => {
    refusals.set('two', 'not today')
    const plugin = await startPlugin('two')
    assert.equal(await plugin.next(), 'not today')
    refusals.delete('two')
    let answer = await plugin.next()
    while (answer === 'not today') answer = await plugin.next()
    assert.equal(answer, 'registered')
    await plugin.close()
  })

  it('knows no other types', async () => {
    const plugin = await startPlugin('three', 'OtherPlugin')
    assert.equal(await plugin.next(), 'no handler registered for plugin type: OtherPlugin')
    await plugin.close()
  })

  it('looks into folders, and not at what is hidden', async () => {
    mkdirSync(join(folder, 'vendor'))
    const inside = await startPlugin('four', 'TestPlugin', join(folder, 'vendor', 'four.sock'))
    assert.equal(await inside.next(), 'registered')
    const hidden = await startPlugin('five', 'TestPlugin', join(folder, '.five.sock'))
    const seen = await startPlugin('six')
    assert.equal(await seen.next(), 'registered')
    assert.ok(!present.has('five'))
    await Promise.all([inside.close(), hidden.close(), seen.close()])
  })

  it('takes a plugin that comes anew at the same path for another one', async () => {
    const first = await startPlugin('seven')
    assert.equal(await first.next(), 'registered')
    await first.close()
    const second = await startPlugin('seven')
    assert.equal(await second.next(), 'registered')
    await when(() => present.has('seven'))
    await second.close()
  })
})
