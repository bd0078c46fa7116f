import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Registry } from '../../component-base/metrics/prometheus.ts'
import type { AdmissionAttributes, AdmissionPlugin, Operation } from './admission.ts'
import { createAdmissionChain } from './chain.ts'
import { createAdmissionMetrics } from './metrics.ts'
import { anonymousUser } from '../authentication/user.ts'

const request = (operation: Operation = 'CREATE'): AdmissionAttributes => ({
  operation,
  group: '',
  version: 'v1',
  resource: 'configmaps',
  subresource: '',
  kind: { group: '', version: 'v1', kind: 'ConfigMap' },
  namespace: 'default',
  name: 'a',
  object: { metadata: { name: 'a' } },
  oldObject: undefined,
  user: anonymousUser,
  dryRun: false,
  warn: () => undefined,
  annotate: () => undefined,
})

const noting = (trace: string[], name: string, operations: readonly Operation[], late = false): AdmissionPlugin => {
  const note = (phase: string) => (): Promise<void> | void => {
    if (!late) return void trace.push(`${name} ${phase}`)
    return new Promise((resolve) => {
      setImmediate(() => {
        trace.push(`${name} ${phase}`)
        resolve()
      })
    })
  }
  return { name, operations, admit: note('admit'), validate: note('validate') }
}

const refusing: AdmissionPlugin = {
  name: 'Refusing',
  operations: ['CREATE'],
  validate: () => Promise.reject(new Error('no')),
}

describe('the admission chain', () => {
  it('asks those that an operation concerns, one after the other', async () => {
    const trace: string[] = []
    const chain = createAdmissionChain([
      noting(trace, 'late', ['CREATE'], true),
      noting(trace, 'other', ['DELETE']),
      noting(trace, 'last', ['CREATE', 'DELETE']),
    ])
    await chain.mutate(request())
    await chain.validate(request())
    assert.deepEqual(trace, ['late admit', 'last admit', 'late validate', 'last validate'])
    trace.length = 0
    await chain.validate(request('DELETE'))
    assert.deepEqual(trace, ['other validate', 'last validate'])
  })

  it('ends with the first that refuses', async () => {
    const trace: string[] = []
    const chain = createAdmissionChain([refusing, noting(trace, 'never', ['CREATE'])])
    await assert.rejects(chain.validate(request()), /^Error: no$/)
    assert.deepEqual(trace, [])
  })

  it('lets mutating plugins have a second turn where one wants it, and no third', async () => {
    const trace: string[] = []
    const wanting: AdmissionPlugin = {
      name: 'Wanting',
      operations: ['CREATE'],
      admit: ({ reinvocation }) => reinvocation?.asked('Wanting', 'hook', { changed: true, again: true }),
    }
    await createAdmissionChain([noting(trace, 'first', ['CREATE']), wanting]).mutate(request())
    assert.deepEqual(trace, ['first admit', 'first admit'])
  })

  it('measures each plugin and the whole, by operation and outcome', async () => {
    const registry = new Registry()
    const passing = noting([], 'Passing', ['CREATE', 'UPDATE'], true)
    const chain = createAdmissionChain([passing, refusing], createAdmissionMetrics(registry))
    await chain.mutate(request())
    await chain.validate(request('UPDATE'))
    await assert.rejects(chain.validate(request()))
    const counts = (await registry.metrics()).split('\n').filter((line) => line.includes('_seconds_count'))
    const [step, controller] = [
      'apiserver_admission_step_admission_duration_seconds_count',
      'apiserver_admission_controller_admission_duration_seconds_count',
    ]
    assert.deepEqual(
      counts.toSorted(),
      [
        `${controller}{name="Passing",type="admit",operation="CREATE",rejected="false"} 1`,
        `${controller}{name="Passing",type="validate",operation="CREATE",rejected="false"} 1`,
        `${controller}{name="Passing",type="validate",operation="UPDATE",rejected="false"} 1`,
        `${controller}{name="Refusing",type="validate",operation="CREATE",rejected="true"} 1`,
        `${step}{type="admit",operation="CREATE",rejected="false"} 1`,
        `${step}{type="validate",operation="CREATE",rejected="true"} 1`,
        `${step}{type="validate",operation="UPDATE",rejected="false"} 1`,
      ].toSorted(),
    )
  })
})
