import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Service } from '../types.ts'
import { keepAllocated, normalizeClusterIps } from './service-addresses.ts'
import { serviceKind } from './service.ts'

type Spec = NonNullable<Service['spec']>

const aService = (spec: Spec): Service => {
  const service: Service = { metadata: { name: 'web', namespace: 'default' }, spec }
  serviceKind.setDefaults?.(service)
  return service
}

const updated = (spec: Spec, old: Service): Service => {
  const service = aService(spec)
  // The API server does these two before, with the allocation.
  keepAllocated(service.spec ?? {}, old.spec ?? {})
  normalizeClusterIps(service.spec ?? {}, old.spec)
  serviceKind.prepareForUpdate?.(service, old, 0)
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

  it('keeps node ports by the names of ports', () => {
    const { spec } = updated({ type: 'NodePort', ports: [{ port: 8080, protocol: 'UDP' }] }, stored)
    assert.equal(spec?.ports?.[0]?.nodePort, 30080)
    const renamed = updated({ type: 'NodePort', ports: [{ name: 'a', port: 80 }] }, stored)
    assert.equal(renamed.spec?.ports?.[0]?.nodePort, undefined)
  })

  const dual: Spec = {
    clusterIP: '10.96.0.7',
    clusterIPs: ['10.96.0.7', 'fd00::7'],
    ipFamilies: ['IPv4', 'IPv6'],
    ipFamilyPolicy: 'RequireDualStack',
    ports: [{ port: 80 }],
  }
  const single: Spec = { ...dual, clusterIPs: ['10.96.0.7'], ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack' }
  const changes: readonly (readonly [string, Spec, Spec, readonly string[]])[] = [
    [
      'may not change its address',
      { clusterIP: '10.96.0.8', clusterIPs: ['10.96.0.7'], ports: [{ port: 80 }] },
      stored.spec ?? {},
      ['spec.clusterIPs[0]: Invalid value: ["10.96.0.8"]: may not change once set'],
    ],
    ['may get a second family', dual, single, []],
    ['may give it back by policy', single, dual, []],
    [
      'may not give it back by the way',
      { ...single, ipFamilyPolicy: 'PreferDualStack' },
      dual,
      [
        'spec.ipFamilyPolicy: Invalid value: "PreferDualStack": must be set to \'SingleStack\' when releasing the secondary clusterIP',
        'spec.ipFamilyPolicy: Invalid value: "PreferDualStack": must be set to \'SingleStack\' when releasing the secondary ipFamily',
      ],
    ],
    [
      'may not turn its families around',
      { ...dual, clusterIP: 'fd00::7', clusterIPs: ['fd00::7', '10.96.0.7'], ipFamilies: ['IPv6', 'IPv4'] },
      dual,
      [
        'spec.clusterIPs[0]: Invalid value: ["fd00::7","10.96.0.7"]: may not change once set',
        'spec.clusterIPs[1]: Invalid value: ["fd00::7","10.96.0.7"]: may not change once set',
        'spec.ipFamilies[0]: Invalid value: ["IPv6","IPv4"]: may not change once set',
        'spec.ipFamilies[0]: Invalid value: ["IPv6","IPv4"]: may not change once set',
      ],
    ],
    [
      'may not become headless',
      { ...single, clusterIP: 'None', clusterIPs: ['None'] },
      single,
      ['spec.clusterIPs[0]: Invalid value: ["None"]: may not change once set'],
    ],
    ['may change all on its way to another name', { type: 'ExternalName', externalName: 'a.b' }, dual, []],
  ]
  for (const [name, spec, old, expected] of changes) {
    it(name, () => {
      const before = aService(structuredClone(old))
      const service = updated(structuredClone(spec), before)
      assert.deepEqual(lines(serviceKind.validateUpdate?.(service, before)), expected)
    })
  }

  const wrong: readonly (readonly [string, Spec, readonly string[]])[] = [
    [
      'says its address once',
      { clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.2'] },
      ['spec.clusterIPs: Invalid value: ["10.0.0.2"]: first value must match `clusterIP`'],
    ],
    [
      'says it in both forms',
      { clusterIPs: ['10.0.0.2'] },
      ['spec.clusterIPs: Invalid value: ["10.0.0.2"]: must be empty when `clusterIP` is not specified'],
    ],
    [
      'has one of each family',
      { clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1', '10.0.0.2'] },
      ['spec.clusterIPs: Invalid value: ["10.0.0.1","10.0.0.2"]: may specify no more than one IP for each IP family'],
    ],
    [
      'has none or some',
      { clusterIP: 'None', clusterIPs: ['None', '10.0.0.2'] },
      ['spec.clusterIPs: Invalid value: ["None","10.0.0.2"]: \'None\' must be the first and only value'],
    ],
    ['names each family once', { ipFamilies: ['IPv4', 'IPv4'] }, ['spec.ipFamilies[1]: Duplicate value: "IPv4"']],
    [
      'knows its families',
      { ipFamilies: ['IPv5'] },
      ['spec.ipFamilies[0]: Unsupported value: "IPv5": supported values: "IPv4", "IPv6"'],
    ],
    [
      'knows its policies',
      { ipFamilyPolicy: 'Both' },
      [
        'spec.ipFamilyPolicy: Unsupported value: "Both": supported values: "PreferDualStack", "RequireDualStack", "SingleStack"',
      ],
    ],
  ]
  for (const [name, spec, expected] of wrong) {
    it(name, () => {
      const service = aService({ ...structuredClone(spec), ports: [{ port: 80 }] })
      assert.deepEqual(lines(serviceKind.validate?.(service)), expected)
    })
  }

  const odd: readonly (readonly [string, Service, readonly string[]])[] = [
    [
      'is balanced by a class with a name',
      { spec: { type: 'LoadBalancer', loadBalancerClass: 'a b', ports: [{ port: 80 }] } },
      [
        "spec.loadBalancerClass: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
      ],
    ],
    [
      'has external addresses that reach somewhere',
      { spec: { externalIPs: ['127.0.0.1', 'x'], ports: [{ port: 80 }] } },
      [
        'spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
        'spec.externalIPs[1]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
      ],
    ],
    [
      'has each port and node port once for a protocol',
      {
        spec: {
          type: 'NodePort',
          ports: [
            { name: 'a', port: 80, nodePort: 30080 },
            { name: 'b', port: 80, nodePort: 30080 },
          ],
        },
      },
      [
        'spec.ports[1].nodePort: Duplicate value: 30080',
        'spec.ports[1]: Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":80,"TargetPort":0,"NodePort":0}',
      ],
    ],
    [
      'says its source ranges in the annotation of old',
      {
        metadata: { annotations: { 'service.beta.kubernetes.io/load-balancer-source-ranges': '10.0.0.0/8, x' } },
        spec: { ports: [{ port: 80 }] },
      },
      [
        "metadata.annotations[service.beta.kubernetes.io/load-balancer-source-ranges]: Forbidden: may only be used when `type` is 'LoadBalancer'",
        'metadata.annotations[service.beta.kubernetes.io/load-balancer-source-ranges]: Invalid value: "x": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
      ],
    ],
    [
      'says its topology once',
      {
        metadata: {
          annotations: {
            'service.kubernetes.io/topology-mode': 'Auto',
            'service.kubernetes.io/topology-aware-hints': 'Disabled',
          },
        },
        spec: { ports: [{ port: 80 }] },
      },
      [
        'metadata.annotations[service.kubernetes.io/topology-mode]: Invalid value: "Auto": must match annotations[service.kubernetes.io/topology-aware-hints] when both are specified',
      ],
    ],
    [
      'may keep a node port on its way to another name',
      { spec: { type: 'ExternalName', externalName: 'a.b', ports: [{ port: 80, nodePort: 30080 }] } },
      [],
    ],
    [
      'needs the port that its health is asked at',
      { spec: { type: 'LoadBalancer', externalTrafficPolicy: 'Local', ports: [{ port: 80 }] } },
      ['spec.healthCheckNodePort: Required value'],
    ],
  ]
  for (const [name, service, expected] of odd) {
    it(name, () => {
      const copy = structuredClone(service)
      serviceKind.setDefaults?.(copy)
      assert.deepEqual(lines(serviceKind.validate?.(copy)), expected)
    })
  }

  it('keeps the port that its health is asked at', () => {
    const balanced: Spec = { type: 'LoadBalancer', externalTrafficPolicy: 'Local', ports: [{ port: 80 }] }
    const before = aService({ ...structuredClone(balanced), healthCheckNodePort: 30001 })
    const after = aService({ ...structuredClone(balanced), healthCheckNodePort: 30002 })
    assert.deepEqual(lines(serviceKind.validateUpdate?.(after, before)), [
      'spec.healthCheckNodePort: Forbidden: field is immutable',
    ])
  })
})
