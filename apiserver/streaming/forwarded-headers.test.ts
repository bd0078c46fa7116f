import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { identityHeaders } from '../authentication/request-header.ts'
import type { ApiRequest } from '../server/message.ts'
import { hideHeaders, requestHeaders, upgradeHeaders } from './forwarded-headers.ts'

const requestOf = (headers: Readonly<Record<string, string>>): ApiRequest =>
  ({
    method: 'GET',
    httpVersion: '1.1',
    complete: true,
    socket: { remoteAddress: '192.0.2.1' },
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    rawHeaders: Object.entries(headers).flat(),
  }) as unknown as ApiRequest

const usual = {
  usernameHeaders: ['X-Remote-User'],
  uidHeaders: [],
  groupHeaders: ['X-Remote-Group'],
  extraPrefixes: ['X-Remote-Extra-'],
}

describe('headers that say who the client is', () => {
  const forged = {
    'X-REMOTE-User': 'admin',
    'x-remote-group': 'system:masters',
    'X-Remote-Extra-Scope': 'all',
    'Impersonate-User': 'admin',
    Authorization: 'Bearer x',
    'X-Proxy-User': 'admin',
    'X-Proxy-Extra-A': 'b',
    'X-Other': 'kept',
  }
  const namesIn = (headers: object): string[] => Object.keys(headers).map((name) => name.toLowerCase())

  it('go no further, in no writing', () => {
    for (const headers of [requestHeaders(requestOf(forged)), upgradeHeaders(requestOf(forged))]) {
      assert.deepEqual(namesIn(headers), ['x-proxy-user', 'x-proxy-extra-a', 'x-other', 'x-forwarded-for'])
    }
  })

  it('go no further under names of the administrator’s choice either', () => {
    assert.equal(identityHeaders(usual), undefined)
    const own = { ...usual, usernameHeaders: ['X-Proxy-User'], extraPrefixes: ['X-Proxy-Extra-'] }
    const request = requestOf(forged)
    hideHeaders(request, identityHeaders(own) ?? (() => false))
    for (const headers of [requestHeaders(request), upgradeHeaders(request)]) {
      assert.deepEqual(namesIn(headers), ['x-other', 'x-forwarded-for'])
    }
  })
})
