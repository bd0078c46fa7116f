import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Container, Pod, PodStatus } from '../types.ts'
import { podLimitsInUse, podRequests, podRequestsInUse, qosClass } from './pods.ts'
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

describe('podRequestsInUse and podLimitsInUse', () => {
  const cpu = (text: string) => ({ requests: { cpu: text }, limits: { cpu: text } })
  const asked = (text: string): Pod => ({ spec: { containers: [{ name: 'c', resources: cpu(text) }] } })
  const has = (allocated: string, actual: string): PodStatus => ({
    containerStatuses: [
      {
        name: 'c',
        image: 'i',
        imageID: '',
        ready: true,
        restartCount: 0,
        resources: cpu(actual),
        allocatedResources: { cpu: allocated },
      },
    ],
  })
  const pending = (reason: string): PodStatus => ({
    conditions: [{ type: 'PodResizePending', status: 'True', reason }],
  })
  const table: [string, Pod, string, string][] = [
    ['what is asked for, without a status', asked('2'), '2', '2'],
    ['what is asked for, while it is more than there is', { ...asked('2'), status: has('1', '1') }, '2', '2'],
    ['what there is, while it is more than is asked for', { ...asked('1'), status: has('1', '2') }, '2', '2'],
    ['what is allocated, as requests only', { ...asked('1'), status: has('2', '1') }, '2', '1'],
    ['what may come', { ...asked('2'), status: { ...has('1', '1'), ...pending('Deferred') } }, '2', '2'],
    ['not what can never be', { ...asked('2'), status: { ...has('1', '1'), ...pending('Infeasible') } }, '1', '1'],
    [
      'what the Pod as a whole has',
      {
        spec: { containers: [{ name: 'c', resources: cpu('1') }], resources: cpu('2') },
        status: { resources: cpu('3'), ...has('1', '1') },
      },
      '3',
      '3',
    ],
    [
      'an init container that ends as its spec says',
      {
        spec: { initContainers: [{ name: 'c', resources: cpu('1') }], containers: [{ name: 'main' }] },
        status: { initContainerStatuses: has('5', '5').containerStatuses ?? [] },
      },
      '1',
      '1',
    ],
    [
      'a sidecar with its status',
      {
        spec: {
          initContainers: [{ name: 'c', restartPolicy: 'Always', resources: cpu('1') }],
          containers: [{ name: 'main', resources: cpu('1') }],
        },
        status: { initContainerStatuses: has('2', '2').containerStatuses ?? [] },
      },
      '3',
      '3',
    ],
  ]
  for (const [name, pod, requests, limits] of table) {
    it(`count ${name}`, () => {
      const shown = [podRequestsInUse(pod), podLimitsInUse(pod)].map(({ cpu: amount }) =>
        amount === undefined ? '' : formatQuantity(amount),
      )
      assert.deepEqual(shown, [requests, limits])
    })
  }
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
