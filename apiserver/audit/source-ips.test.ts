import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { describe, it } from 'node:test'
import { sourceIps } from './source-ips.ts'

const request = (remoteAddress: string, headers: Record<string, string> = {}) =>
  ({ headers, socket: { remoteAddress } }) as unknown as IncomingMessage

describe('source addresses', () => {
  const cases: readonly (readonly [peer: string, headers: Record<string, string>, wanted: readonly string[]])[] = [
    ['10.0.0.9', {}, ['10.0.0.9']],
    ['::ffff:10.0.0.9', {}, ['10.0.0.9']],
    ['10.0.0.9', { 'x-forwarded-for': '1.1.1.1, nonsense,2.2.2.2' }, ['1.1.1.1', '2.2.2.2', '10.0.0.9']],
    ['10.0.0.9', { 'x-forwarded-for': '1.1.1.1,10.0.0.9' }, ['1.1.1.1', '10.0.0.9']],
    ['10.0.0.9', { 'x-real-ip': '3.3.3.3' }, ['3.3.3.3', '10.0.0.9']],
    ['10.0.0.9', { 'x-forwarded-for': '3.3.3.3', 'x-real-ip': '3.3.3.3' }, ['3.3.3.3', '10.0.0.9']],
  ]
  for (const [peer, headers, wanted] of cases) {
    it(`are ${wanted.join(' ')} for ${JSON.stringify(headers)} from ${peer}`, () => {
      assert.deepEqual(sourceIps(request(peer, headers)), wanted)
    })
  }
})
