import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { realClock } from '../../component-base/clock.ts'
import { createLogger } from '../../component-base/logging/logger.ts'
import type { AuditBackend } from './backend.ts'
import { buffered } from './buffered.ts'
import { type AuditEvent, encodeEvent } from './event.ts'
import { eventLine } from './legacy-format.ts'
import { createLogBackend } from './log-backend.ts'
import { withoutManagedFields } from './request-audit.ts'
import { ensureLogFile, RotatingFile, type RotationOptions } from './rotating-file.ts'
import { createTokenBucket } from './token-bucket.ts'
import { truncating } from './truncate.ts'

const directory = mkdtempSync(join(tmpdir(), 'kubets-audit-'))
after(() => rmSync(directory, { recursive: true }))
const log = createLogger('test')

const anEvent = (more: Partial<AuditEvent> = {}): AuditEvent => ({
  level: 'Metadata',
  auditID: 'id-1',
  stage: 'ResponseComplete',
  requestURI: '/api/v1/pods?limit=1',
  verb: 'list',
  user: { name: 'ann', uid: '', groups: ['devs', 'system:authenticated'], extra: {} },
  sourceIPs: ['10.0.0.1'],
  userAgent: 'test/1',
  requestReceivedMs: 1000.25,
  stageMs: 2000.5,
  ...more,
})

describe('an audit event as bytes', () => {
  it('has the fields in the order of audit.k8s.io/v1, and only those that say something', () => {
    const event = anEvent({
      objectRef: { resource: 'pods', namespace: '', name: undefined, apiVersion: 'v1', apiGroup: '' },
      responseStatus: { code: 200 },
      annotations: { 'b/x': '<1>', 'a/y': '2' },
    })
    assert.equal(
      encodeEvent(event),
      '{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"id-1","stage":"ResponseComplete","requestURI":"/api/v1/pods?limit=1","verb":"list","user":{"username":"ann","groups":["devs","system:authenticated"]},"sourceIPs":["10.0.0.1"],"userAgent":"test/1","objectRef":{"resource":"pods","apiVersion":"v1"},"responseStatus":{"metadata":{},"code":200},"requestReceivedTimestamp":"1970-01-01T00:00:01.000250Z","stageTimestamp":"1970-01-01T00:00:02.000500Z","annotations":{"a/y":"2","b/x":"\\u003c1\\u003e"}}',
    )
  })

  it('takes objects as the JSON that they are', () => {
    const event = anEvent({ requestObject: '{"n":12345678901234567890}', user: undefined })
    assert.match(encodeEvent(event), /"user":\{\},.*,"requestObject":\{"n":12345678901234567890\},"requestReceived/)
  })

  it('is one line of text in the legacy format', () => {
    const line = eventLine(anEvent({ responseStatus: { code: 403 } }))
    assert.equal(
      line,
      '1970-01-01T00:00:01.00025Z AUDIT: id="id-1" stage="ResponseComplete" ip="10.0.0.1" method="list" user="ann" groups="\\"devs\\",\\"system:authenticated\\"" as="<self>" asgroups="<lookup>" user-agent="test/1" namespace="<none>" uri="/api/v1/pods?limit=1" response="403"',
    )
  })

  it('leaves managed fields out of objects, lists and tables', () => {
    const metadata = { name: 'a', managedFields: [{}] }
    assert.deepEqual(withoutManagedFields({ metadata }), { metadata: { name: 'a' } })
    assert.deepEqual(withoutManagedFields({ items: [{ metadata }] }), { items: [{ metadata: { name: 'a' } }] })
    assert.deepEqual(withoutManagedFields({ rows: [{ cells: [], object: { metadata } }] }), {
      rows: [{ cells: [], object: { metadata: { name: 'a' } } }],
    })
  })
})

describe('a rotating audit log', () => {
  const optionsFor = (name: string, more: Partial<RotationOptions> = {}): RotationOptions => ({
    path: join(directory, name, 'audit.log'),
    maxSizeBytes: 10,
    maxBackups: 0,
    maxAgeDays: 0,
    compress: false,
    ...more,
  })
  const clock = { ...realClock, now: () => Date.UTC(2026, 0, 2, 3, 4, 5, 6) }
  const filesOf = ({ path }: RotationOptions) => readdirSync(join(path, '..')).toSorted()

  it('puts a full file aside under the time, and goes on with a new one for its owner alone', async () => {
    const options = optionsFor('full')
    ensureLogFile(options.path)
    const file = new RotatingFile(options, clock, log)
    for (const line of ['12345\n', '6789\n', 'next\n']) await file.append(Buffer.from(line))
    await file.close()
    assert.deepEqual(filesOf(options), ['audit-2026-01-02T03-04-05.006.log', 'audit.log'])
    assert.equal(readFileSync(options.path, 'utf8'), '6789\nnext\n')
    assert.equal(statSync(options.path).mode & 0o777, 0o600)
  })

  it('goes on with a file that is there, and counts what is in it', async () => {
    const options = optionsFor('again')
    ensureLogFile(options.path)
    writeFileSync(options.path, '123456789')
    const file = new RotatingFile(options, clock, log)
    await file.append(Buffer.from('ab'))
    await file.close()
    assert.equal(readFileSync(options.path, 'utf8'), 'ab')
  })

  it('loses no file when two are full in one millisecond', async () => {
    const options = optionsFor('fast')
    ensureLogFile(options.path)
    const file = new RotatingFile(options, clock, log)
    for (let index = 0; index < 5; index++) await file.append(Buffer.from(`line-${index}\n`))
    await file.close()
    const lines = filesOf(options).map((name) => readFileSync(join(options.path, '..', name), 'utf8'))
    assert.deepEqual(
      lines.toSorted(),
      [0, 1, 2, 3, 4].map((index) => `line-${index}\n`),
    )
  })

  it('keeps as many old files as it may, the newest', async () => {
    const options = optionsFor('many', { maxBackups: 2 })
    ensureLogFile(options.path)
    let ms = clock.now()
    const file = new RotatingFile(options, { ...clock, now: () => ms++ }, log)
    for (let index = 0; index < 5; index++) await file.append(Buffer.from(`line-${index}\n`))
    await file.close()
    const files = filesOf(options)
    assert.equal(files.length, 3)
    assert.deepEqual(files.map((name) => readFileSync(join(options.path, '..', name), 'utf8')).toSorted(), [
      'line-2\n',
      'line-3\n',
      'line-4\n',
    ])
  })

  it('removes files older than it may keep by the time in their names, and nothing else', async () => {
    const options = optionsFor('old', { maxAgeDays: 1 })
    ensureLogFile(options.path)
    const write = (name: string) => writeFileSync(join(options.path, '..', name), 'x')
    write('audit-2025-12-31T00-00-00.000.log')
    write('audit-2025-12-31T00-00-00.000.log.gz')
    write('audit-2026-01-02T00-00-00.000.log')
    write('audit-notes.log')
    utimesSync(join(options.path, '..', 'audit-notes.log'), 0, 0)
    const file = new RotatingFile(options, clock, log)
    await file.append(Buffer.from('1'))
    await file.close()
    assert.deepEqual(filesOf(options), ['audit-2026-01-02T00-00-00.000.log', 'audit-notes.log', 'audit.log'])
  })

  it('compresses old files', async () => {
    const options = optionsFor('small', { compress: true })
    ensureLogFile(options.path)
    const file = new RotatingFile(options, clock, log)
    for (const line of ['12345\n', '67890\n']) await file.append(Buffer.from(line))
    await file.close()
    const name = 'audit-2026-01-02T03-04-05.006.log.gz'
    assert.deepEqual(filesOf(options), [name, 'audit.log'])
    assert.equal(gunzipSync(readFileSync(join(options.path, '..', name))).toString(), '12345\n')
  })

  it('refuses a line that no file could hold', async () => {
    const options = optionsFor('long')
    ensureLogFile(options.path)
    const file = new RotatingFile(options, clock, log)
    await assert.rejects(file.append(Buffer.alloc(11)), /write length 11 exceeds maximum file size 10/)
    await file.close()
  })
})

/** A backend that remembers, and answers when it is told to. */
const remembering = () => {
  const batches: string[][] = []
  const backend: AuditBackend = {
    process: async (events) => {
      batches.push(events.map(({ auditID }) => auditID))
      return true
    },
    close: async () => {},
  }
  return { batches, backend }
}
const events = (...ids: readonly (string | number)[]) => ids.map((id) => anEvent({ auditID: String(id) }))

describe('the log backend', () => {
  it('writes one line an event, in order, and joins what comes at once', async () => {
    const writes: string[] = []
    const writer = { append: async (bytes: Buffer) => void writes.push(bytes.toString()), close: async () => {} }
    const backend = createLogBackend(writer, 'json', assert.fail)
    const stored = await Promise.all(events(1, 2, 3).map(async (event) => backend.process([event])))
    assert.deepEqual(stored, [true, true, true])
    assert.equal(writes.length, 1)
    const ids = writes[0]
      ?.trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { auditID: string }).auditID)
    assert.deepEqual(ids, ['1', '2', '3'])
    await backend.close()
  })

  it('tells which events were lost, and goes on', async () => {
    const lost: string[] = []
    let broken = true
    const writer = {
      append: async () => {
        if (broken) throw new Error('disk full')
      },
      close: async () => {},
    }
    const backend = createLogBackend(writer, 'json', (plugin, _error, which) =>
      lost.push(plugin, ...which.map(({ auditID }) => auditID)),
    )
    assert.equal(await backend.process(events(1)), false)
    broken = false
    assert.equal(await backend.process(events(2)), true)
    assert.deepEqual(lost, ['log', '1'])
  })
})

describe('the buffer', () => {
  const options = { bufferSize: 5, maxBatchSize: 2, maxBatchWaitMs: 3_600_000, throttle: undefined, concurrent: false }

  it('hands on full batches at once and the rest when it is closed', async () => {
    const { batches, backend } = remembering()
    const buffer = buffered(backend, options, assert.fail, realClock)
    await buffer.process(events(1, 2, 3))
    assert.deepEqual(batches, [['1', '2']])
    await buffer.close()
    assert.deepEqual(batches, [['1', '2'], ['3']])
  })

  it('hands on what waits when it has waited for long enough', async () => {
    const { batches, backend } = remembering()
    let fire = (): void => assert.fail('no timer')
    const clock = {
      ...realClock,
      setTimeout: (callback: () => void) => {
        fire = callback
        return realClock.setTimeout(() => {}, 0)
      },
    }
    const buffer = buffered(backend, options, assert.fail, clock)
    await buffer.process(events(1))
    assert.deepEqual(batches, [])
    fire()
    assert.deepEqual(batches, [['1']])
    await buffer.close()
  })

  it('loses what it has no room for, and tells it', async () => {
    const lost: string[] = []
    const blocked = Promise.withResolvers<boolean>()
    const { batches, backend } = remembering()
    const slow: AuditBackend = {
      ...backend,
      process: async (batch) => {
        void backend.process(batch)
        return blocked.promise
      },
    }
    const buffer = buffered(
      slow,
      options,
      (_plugin, _error, which) => lost.push(...which.map(({ auditID }) => auditID)),
      realClock,
    )
    await buffer.process(events(1, 2))
    await buffer.process(events(3, 4, 5, 6, 7, 8))
    assert.deepEqual(lost, ['8'])
    blocked.resolve(true)
    await buffer.close()
    assert.deepEqual(batches, [['1', '2'], ['3', '4'], ['5', '6'], ['7']])
  })
})

describe('the token bucket', () => {
  it('gives a burst at once and then so many a second', () => {
    let now = 0
    const bucket = createTokenBucket({ qps: 10, burst: 2 }, () => now)
    assert.deepEqual([bucket.take(), bucket.take(), bucket.take(), bucket.take()], [0, 0, 100, 200])
    now = 1000
    assert.equal(bucket.take(), 0)
  })
})

describe('truncation', () => {
  const large = 'x'.repeat(2000)
  it('takes objects out of events that are too large, and marks them', async () => {
    const seen: AuditEvent[] = []
    const backend: AuditBackend = {
      process: (batch) => {
        seen.push(...batch)
        return true
      },
      close: async () => {},
    }
    const lost: string[] = []
    const bounded = truncating(backend, { maxEventBytes: 1000, maxBatchBytes: 1500 }, (_plugin, _error, which) =>
      lost.push(...which.map(({ auditID }) => auditID)),
    )
    await bounded.process([
      anEvent({ auditID: 'fits', level: 'Request', requestObject: '{}' }),
      anEvent({ auditID: 'cut', level: 'Request', requestObject: JSON.stringify(large), responseObject: '{}' }),
      anEvent({ auditID: 'hopeless', level: 'Request', requestURI: large }),
    ])
    assert.deepEqual(
      seen.map(({ auditID, requestObject }) => [auditID, requestObject]),
      [
        ['fits', '{}'],
        ['cut', undefined],
      ],
    )
    assert.deepEqual(seen[1]?.annotations, { 'audit.k8s.io/truncated': 'true' })
    assert.deepEqual(lost, ['hopeless'])
  })

  it('splits batches that are too large', async () => {
    const { batches, backend } = remembering()
    const bounded = truncating(backend, { maxEventBytes: 1000, maxBatchBytes: 1000 }, assert.fail)
    await bounded.process(events(1, 2, 3, 4))
    assert.deepEqual(batches, [
      ['1', '2'],
      ['3', '4'],
    ])
  })
})
