import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseQuantity } from '../../../api/meta/quantity.ts'
import type { ResourceQuota } from '../../../api/types.ts'
import { book } from './resource-quota.ts'

const aQuota = (hard: Record<string, string>, used: Record<string, string>): ResourceQuota => ({
  metadata: { name: 'q', namespace: 'ns' },
  spec: { hard },
  status: { hard, used },
})
const amounts = (texts: Record<string, string>) =>
  Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, parseQuantity(text)]))

describe('booking on a quota', () => {
  it('adds what is asked for to what is used', () => {
    const quota = book(
      aQuota({ pods: '5', 'requests.cpu': '1' }, { pods: '1', 'requests.cpu': '250m' }),
      amounts({ pods: '1', 'requests.cpu': '750m' }),
    )
    assert.ok(typeof quota === 'object')
    assert.deepEqual(quota.status?.used, { pods: '2', 'requests.cpu': '1' })
  })

  it('refuses what exceeds it, naming only that', () => {
    const refused = book(
      aQuota({ pods: '5', services: '1' }, { pods: '1', services: '1' }),
      amounts({ pods: '1', services: '1' }),
    )
    assert.equal(refused, 'exceeded quota: q, requested: services=1, used: services=1, limited: services=1')
  })

  it('waits for the controller to have counted', () => {
    const quota: ResourceQuota = { metadata: { name: 'q' }, spec: { hard: { pods: '1' } } }
    assert.equal(book(quota, amounts({ pods: '1' })), 'status unknown for quota: q, resources: pods')
  })
})
