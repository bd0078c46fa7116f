import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ServiceCIDR } from '../../api/types.ts'
import { planDefaultCidr } from './default-service-cidr.ts'

const aCidr = (cidrs: string[], ready?: 'True' | 'False' | 'Unknown', deletionTimestamp?: string): ServiceCIDR => ({
  metadata: { name: 'kubernetes', ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }) },
  spec: { cidrs },
  ...(ready === undefined
    ? {}
    : { status: { conditions: [{ type: 'Ready', status: ready, reason: '', message: '', lastTransitionTime: '' }] } }),
})

describe('the default ServiceCIDR', () => {
  const one = ['10.0.0.0/16']
  const two = ['10.0.0.0/16', 'fd00::/108']
  const table: readonly (readonly [string, ServiceCIDR, readonly string[], string])[] = [
    ['is ready as it is', aCidr(one, 'True'), one, 'nothing'],
    ['is not said to be ready yet', aCidr(one), one, 'set-ready'],
    ['is unknown to be ready', aCidr(one, 'Unknown'), one, 'set-ready'],
    ['is closed by somebody', aCidr(one, 'False'), one, 'not-ready'],
    ['gets the second range of the flag', aCidr(one, 'True'), two, 'add-range'],
    ['keeps a range that the flag lost', aCidr(two, 'True'), one, 'mismatch'],
    ['keeps a range that the flag changed', aCidr(one, 'True'), ['10.1.0.0/16'], 'mismatch'],
    ['keeps the order that the flag turned', aCidr(two, 'True'), ['fd00::/108', '10.0.0.0/16'], 'mismatch'],
    ['is left alone while it goes', aCidr(one, 'False', '2026-01-01T00:00:00Z'), one, 'nothing'],
  ]
  for (const [what, cidr, flag, expected] of table) {
    it(what, () => assert.equal(planDefaultCidr(cidr, flag).type, expected))
  }
})
