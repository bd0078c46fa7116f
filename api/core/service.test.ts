import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Service } from '../types.ts'
import { serviceKind } from './service.ts'

type Spec = NonNullable<Service['spec']>

const aService = (spec: Spec): Service => {
  const service: Service = { metadata: { name: 'web', namespace: 'default' }, spec }
  serviceKind.setDefaults?.(service)
  return service
}

const updated = (spec: Spec, old: Service): Service => {
  const service = aService(spec)
  serviceKind.prepareForUpdate?.(service, old)
  return service
}

const lines = (errors: readonly { field: string; detail: string }[] | undefined): string[] =>
  (errors ?? []).map(({ field, detail }) => `${field}: ${detail}`)

describe('a Service', () => {
  it('gets defaults', () => {
    assert.deepEqual(aService({ ports: [{ port: 80 }] }).spec, {
      ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
      sessionAffinity: 'None',
      type: 'ClusterIP',
      internalTrafficPolicy: 'Cluster',
    })
  })

  it('gets those of its type', () => {
    const { spec } = aService({ type: 'LoadBalancer', ports: [{ port: 80 }], sessionAffinity: 'ClientIP' })
    assert.equal(spec?.externalTrafficPolicy, 'Cluster')
    assert.equal(spec?.allocateLoadBalancerNodePorts, true)
    assert.deepEqual(spec?.sessionAffinityConfig, { clientIP: { timeoutSeconds: 10800 } })
  })

  for (const [name, spec, expected] of [
    ['needs a port', {}, ['spec.ports: Required value']],
    ['needs none when headless', { clusterIP: 'None', clusterIPs: ['None'] }, []],
    [
      'names its ports if there are several',
      { ports: [{ port: 80 }, { port: 81, name: 'b' }] },
      ['spec.ports[0].name: Required value'],
    ],
    [
      'has node ports only by type',
      { ports: [{ port: 80, nodePort: 30000 }] },
      ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
    ],
    [
      'has a known type',
      { type: 'Magic', ports: [{ port: 80 }], internalTrafficPolicy: 'Cluster' },
      [
        'spec.type: Unsupported value: "Magic": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
      ],
    ],
    ['needs a name to be external', { type: 'ExternalName' }, ['spec.externalName: Required value']],
  ] as const satisfies readonly (readonly [string, Spec, readonly string[]])[]) {
    it(name, () => assert.deepEqual(lines(serviceKind.validate?.(aService(structuredClone(spec) as Spec))), expected))
  }

  const stored = aService({
    type: 'NodePort',
    clusterIP: '10.96.0.7',
    clusterIPs: ['10.96.0.7'],
    ports: [{ port: 80, nodePort: 30080 }],
  })

  it('keeps what was allocated where a client leaves it out', () => {
    const { spec } = updated({ type: 'NodePort', ports: [{ port: 80 }] }, stored)
    assert.equal(spec?.clusterIP, '10.96.0.7')
    assert.equal(spec?.ports?.[0]?.nodePort, 30080)
  })

  it('lets go of node ports with the type', () => {
    const { spec } = updated({ type: 'ClusterIP', ports: [{ port: 80, nodePort: 30080 }] }, stored)
    assert.equal(spec?.ports?.[0]?.nodePort, undefined)
    assert.equal(spec?.externalTrafficPolicy, undefined)
  })

  it('may not change its address', () => {
    const service = updated({ clusterIP: '10.96.0.8', clusterIPs: ['10.96.0.7'], ports: [{ port: 80 }] }, stored)
    assert.deepEqual(lines(serviceKind.validateUpdate?.(service, stored)), [
      'spec.clusterIPs[0]: Invalid value: ["10.96.0.8"]: may not change once set',
    ])
  })
})
