import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { nfsArguments } from './mount.ts'

describe('a share of an NFS server', () => {
  const share = { server: 'files.example.com', path: '/exports/a', readOnly: false }

  it('is mounted by its server and path', () => {
    assert.deepEqual(nfsArguments(share, [], '/to'), ['-t', 'nfs', 'files.example.com:/exports/a', '/to'])
  })

  it('has the options of its volume, and is read-only last', () => {
    const options = nfsArguments({ ...share, readOnly: true }, ['nfsvers=4.2', 'hard'], '/to')
    assert.deepEqual(options, ['-t', 'nfs', '-o', 'nfsvers=4.2,hard,ro', 'files.example.com:/exports/a', '/to'])
  })

  it('takes an IPv6 address in brackets', () => {
    assert.equal(nfsArguments({ ...share, server: 'fd00::7' }, [], '/to').at(-2), '[fd00::7]:/exports/a')
    assert.equal(nfsArguments({ ...share, server: '[fd00::7]' }, [], '/to').at(-2), '[fd00::7]:/exports/a')
  })
})
