import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Container, Pod } from '../types.ts'
import { podRequests, qosClass } from './pods.ts'
import { formatQuantity } from './quantity.ts'

const asking = (cpu: string, change: Partial<Container> = {}): Container => ({
  name: 'c',
  resources: { requests: { cpu } },
  ...change,
})

const cpuOf = (spec: NonNullable<Pod['spec']>): string | undefined => {
  const { cpu } = podRequests({ spec })
  return cpu === undefined ? undefined : formatQuantity(cpu)
}

describe('podRequests', () => {
  const sidecar = { restartPolicy: 'Always' }
  const table: readonly (readonly [string, NonNullable<Pod['spec']>, string])[] = [
    ['sums containers', { containers: [asking('500m'), asking('1')] }, '1500m'],
    ['takes a larger init container', { containers: [asking('1')], initContainers: [asking('2')] }, '2'],
    ['does not add init containers', { containers: [asking('3')], initContainers: [asking('2'), asking('1')] }, '3'],
    ['adds sidecars', { containers: [asking('1')], initContainers: [asking('500m', sidecar)] }, '1500m'],
    [
      'adds sidecars that run beside a later init container',
      { containers: [asking('100m')], initContainers: [asking('1', sidecar), asking('2')] },
      '3',
    ],
    ['adds overhead', { containers: [asking('1')], overhead: { cpu: '250m' } }, '1250m'],
    [
      'prefers what the Pod asks for as a whole',
      { containers: [asking('1')], resources: { requests: { cpu: '4' } } },
      '4',
    ],
  ]
  for (const [name, spec, cpu] of table) it(name, () => assert.equal(cpuOf(spec), cpu))
})

describe('qosClass', () => {
  const of = (...resources: Container['resources'][]): string =>
    qosClass({
      spec: { containers: resources.map((one) => ({ name: 'c', ...(one === undefined ? {} : { resources: one }) })) },
    })
  const full = { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '1', memory: '1Gi' } }
  it('is BestEffort without any', () => assert.equal(of(undefined, {}), 'BestEffort'))
  it('is Guaranteed where requests are limits everywhere', () => assert.equal(of(full, full), 'Guaranteed'))
  it('is Burstable where one container has none', () => assert.equal(of(full, undefined), 'Burstable'))
  it('is Burstable where requests are less', () => {
    assert.equal(of({ limits: full.limits, requests: { cpu: '500m', memory: '1Gi' } }), 'Burstable')
  })
  it('does not count other resources', () => assert.equal(of({ requests: { 'example.com/gpu': '1' } }), 'BestEffort'))
})
