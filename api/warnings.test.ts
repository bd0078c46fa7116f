/** Objects that are allowed and probably not meant, and what clients are warned of. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { findKind } from './kinds.ts'
import { cidrWarnings, ipWarnings } from './meta/ip-warnings.ts'
import type { KubeObject } from './types.ts'

const warningsOf = (object: KubeObject, old?: KubeObject): readonly string[] => {
  const parts = (object.apiVersion ?? '').split('/')
  const definition = findKind(parts.length === 2 ? (parts[0] ?? '') : '', parts.at(-1) ?? '', object.kind ?? '')
  assert.ok(definition)
  const next = structuredClone(object)
  next.metadata = { name: 'x', ...next.metadata }
  definition.setDefaults?.(next)
  return definition.warnings?.(next, old) ?? []
}

const aPod = (spec: object, metadata: object = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata,
  spec: { containers: [{ name: 'c', image: 'a:1' }], ...spec },
})
const withContainer = (change: object): KubeObject => aPod({ containers: [{ name: 'c', image: 'a:1', ...change }] })
const aService = (spec: object): KubeObject => ({ apiVersion: 'v1', kind: 'Service', spec })
const template = { metadata: {}, spec: { nodeSelector: { 'beta.kubernetes.io/os': 'linux' }, containers: [] } }

const table: readonly (readonly [string, KubeObject, readonly string[]])[] = [
  ['a plain Pod', aPod({}), []],
  [
    'a name that is no label',
    aPod({}, { name: 'a.b' }),
    [
      "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]",
    ],
  ],
  [
    'labels of nodes that have a newer name',
    aPod({
      nodeSelector: { 'beta.kubernetes.io/os': 'linux' },
      topologySpreadConstraints: [
        { maxSkew: 1, topologyKey: 'failure-domain.beta.kubernetes.io/zone', whenUnsatisfiable: 'DoNotSchedule' },
      ],
    }),
    [
      'spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead',
      'spec.topologySpreadConstraints[0].topologyKey: failure-domain.beta.kubernetes.io/zone is deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
      'spec.topologySpreadConstraints[0].labelSelector: a null labelSelector results in matching no pod',
    ],
  ],
  [
    'an annotation that does nothing',
    aPod({}, { annotations: { 'scheduler.alpha.kubernetes.io/critical-pod': '' } }),
    [
      'metadata.annotations[scheduler.alpha.kubernetes.io/critical-pod]: non-functional in v1.16+; use the "priorityClassName" field instead',
    ],
  ],
  [
    'a part of a byte',
    withContainer({ resources: { requests: { memory: '100m' }, limits: { memory: '1Gi', cpu: '100m' } } }),
    ['spec.containers[0].resources.requests[memory]: fractional byte value "100m" is invalid, must be an integer'],
  ],
  [
    'a hidden variable',
    withContainer({
      env: [
        { name: 'A', value: '1' },
        { name: 'A', value: '$(A)2' },
        { name: 'A', value: '3' },
      ],
    }),
    ['spec.containers[0].env[2]: hides previous definition of "A", which may be dropped when using apply'],
  ],
  [
    'ports declared twice',
    withContainer({
      ports: [{ containerPort: 80 }, { containerPort: 80, hostIP: '1.2.3.4' }, { containerPort: 80, hostPort: 8080 }],
    }),
    [
      'spec.containers[0].ports[1]: hostIP set without hostPort: {Name: HostPort:0 ContainerPort:80 Protocol:TCP HostIP:1.2.3.4}',
      'spec.containers[0].ports[1]: overlapping port definition with spec.containers[0].ports[0]',
      'spec.containers[0].ports[2]: overlapping port definition with spec.containers[0].ports[0]',
      'spec.containers[0].ports[2]: overlapping port definition with spec.containers[0].ports[1]',
    ],
  ],
  [
    'volumes of old plugins',
    aPod({
      volumes: [
        { name: 'v', gitRepo: { repository: 'r' } },
        { name: 'w', rbd: { image: 'i' } },
      ],
    }),
    [
      'spec.volumes[0].gitRepo: deprecated in v1.11, and disabled by default in v1.33+',
      'spec.volumes[1].rbd: deprecated in v1.28, non-functional in v1.31+',
    ],
  ],
  [
    'secrets named twice or not at all',
    aPod({ imagePullSecrets: [{ name: 'a' }, { name: 'a' }, {}], terminationGracePeriodSeconds: -1 }),
    [
      'spec.imagePullSecrets[1].name: duplicate name "a"',
      'spec.imagePullSecrets[2].name: invalid empty name ""',
      'spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1',
    ],
  ],
  [
    'the template of a Deployment',
    { apiVersion: 'apps/v1', kind: 'Deployment', spec: { template } },
    ['spec.template.spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead'],
  ],
  [
    'a StatefulSet',
    {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      spec: {
        template: { spec: { containers: [] } },
        revisionHistoryLimit: -1,
        volumeClaimTemplates: [{ spec: { resources: { requests: { storage: '500m' } } } }],
      },
    },
    [
      'spec.volumeClaimTemplates[0].Spec.resources.requests[storage]: fractional byte value "500m" is invalid, must be an integer',
      'spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended',
    ],
  ],
  [
    'a headless Service',
    aService({ clusterIP: 'None', externalIPs: ['1.2.3.4'], sessionAffinity: 'ClientIP' }),
    ['spec.externalIPs is ignored for headless services', 'spec.SessionAffinity is ignored for headless services'],
  ],
  [
    'a Service with what it does not use',
    aService({ externalName: 'a.io', trafficDistribution: 'PreferClose' }),
    [
      'spec.externalName is ignored when spec.type is not "ExternalName"',
      'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"',
    ],
  ],
  [
    'a class as an annotation',
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'Ingress',
      metadata: { annotations: { 'kubernetes.io/ingress.class': 'nginx' } },
    },
    [`annotation "kubernetes.io/ingress.class" is deprecated, please use 'spec.ingressClassName' instead`],
  ],
  [
    'a PersistentVolume to recycle',
    { apiVersion: 'v1', kind: 'PersistentVolume', spec: { persistentVolumeReclaimPolicy: 'Recycle' } },
    [
      'spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.',
    ],
  ],
  [
    'a certificate that is none',
    { apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls', data: { 'tls.crt': '', 'tls.key': '' } },
    ['tls: failed to find any PEM data in certificate input'],
  ],
]

describe('warnings', () => {
  for (const [name, object, expected] of table) it(`of ${name}`, () => assert.deepEqual(warningsOf(object), expected))

  it('are for new Pods only', () => {
    const pod = aPod({ nodeSelector: { 'beta.kubernetes.io/os': 'linux' } })
    assert.deepEqual(warningsOf(pod, pod), [])
  })

  it('of templates are for new specs only', () => {
    const deployment = (generation: number): KubeObject => ({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'x', generation },
      spec: { template },
    })
    assert.equal(warningsOf(deployment(1), deployment(1)).length, 0)
    assert.equal(warningsOf(deployment(2), deployment(1)).length, 1)
  })

  it('of addresses written oddly', () => {
    assert.deepEqual(ipWarnings('p', '10.0.0.1'), [])
    assert.deepEqual(ipWarnings('p', '2001:DB8::0:1'), [
      'p: IPv6 address "2001:DB8::0:1" should be in RFC 5952 canonical format ("2001:db8::1")',
    ])
    assert.deepEqual(cidrWarnings('p', '10.0.0.1/24'), [
      'p: CIDR value "10.0.0.1/24" is ambiguous in this context (should be "10.0.0.0/24" or "10.0.0.1/32"?)',
    ])
    assert.deepEqual(cidrWarnings('p', '2001:db8::/64'), [])
  })
})
