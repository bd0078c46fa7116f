import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { commonNameOf, organizationsOf } from './peer-names.ts'

const certificate = (subject: object) => ({ subject }) as Parameters<typeof commonNameOf>[0]

describe('the names of a client certificate', () => {
  it('are the last common name, which a certificate with two cannot make another one at another door', () => {
    assert.equal(commonNameOf(certificate({ CN: ['kube-apiserver-kubelet-client', 'alice'] })), 'alice')
    assert.equal(commonNameOf(certificate({ CN: 'alice' })), 'alice')
    assert.equal(commonNameOf(certificate({})), '')
  })

  it('and all organizations', () => {
    assert.deepEqual(organizationsOf(certificate({ O: ['a', 'b'] })), ['a', 'b'])
    assert.deepEqual(organizationsOf(certificate({ O: 'a' })), ['a'])
    assert.deepEqual(organizationsOf(certificate({})), [])
  })
})
