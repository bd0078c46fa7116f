import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { haproxyFiles } from './haproxy-config.ts'
import type { HostRoutes } from './routes.ts'

const configOf = (hosts: readonly HostRoutes[], fallback?: string): string[] => {
  const slots = new Map([['shop:web:80', [{ ip: '10.0.0.1', port: 8080 }, { ip: 'fd00::1', port: 8080 }, undefined]]])
  const routing = { hosts, fallback, backends: new Map(), problems: [] }
  const options = { directory: '/d', socket: '/d/admin.sock', httpPort: 80, httpsPort: 443 }
  return (haproxyFiles(routing, { certificates: [], slots }, options).get('haproxy.cfg') ?? '').split('\n')
}

const rulesOf = (hosts: readonly HostRoutes[], fallback?: string): string[] =>
  configOf(hosts, fallback).flatMap((line) => /^ {2}(use_backend|default_backend) (.*)$/.exec(line)?.[2] ?? [])

const backend = 'shop:web:80'

describe('the configuration of HAProxy', () => {
  it('takes an exact path as it is, and a prefix by whole elements', () => {
    const paths = [
      { match: 'exact', path: "/it's", backend },
      { match: 'prefix', path: '/a', backend },
      { match: 'prefix', path: '', backend },
    ] as const
    assert.deepEqual(rulesOf([{ host: '', paths, fallback: undefined }]), [
      "shop:web:80 if { path -m str '/it'\\''s' }",
      "shop:web:80 if { path -m str '/a' } || { path -m beg '/a/' }",
      'shop:web:80 if TRUE',
      'none if TRUE',
      'none',
    ])
  })

  it('never goes on to another host when one is found', () => {
    const hosts = [
      { host: 'x.com', paths: [{ match: 'exact', path: '/a', backend }], fallback: 'own' },
      { host: '*.x.com', paths: [], fallback: undefined },
    ] as const
    assert.deepEqual(rulesOf(hosts, 'other'), [
      "shop:web:80 if { var(txn.host) -m str 'x.com' } { path -m str '/a' }",
      "own if { var(txn.host) -m str 'x.com' } TRUE",
      "other if { var(txn.host) -m reg '^[^.]+\\.x\\.com$' } TRUE",
      'other',
    ])
  })

  it('has a place for each server, and for those that may come', () => {
    assert.deepEqual(
      configOf([]).filter((line) => line.startsWith('  server ')),
      ['  server s0 10.0.0.1:8080', '  server s1 [fd00::1]:8080', '  server s2 127.0.0.1:9 disabled'],
    )
  })
})
