/** Worlds of policies, Pods and namespaces for properties. */
import fc from 'fast-check'
import type { NetworkPolicy, Pod } from '../../../api/types.ts'
import type { World } from './model.ts'
import { outsideAddresses, podAddresses } from './network.ts'

type Spec = NonNullable<NetworkPolicy['spec']>
type Rule = NonNullable<Spec['ingress']>[number]
type Peer = NonNullable<Rule['from']>[number]
type Port = NonNullable<Rule['ports']>[number]
type Selector = NonNullable<Spec['podSelector']>
type IpBlock = NonNullable<Peer['ipBlock']>

const namespaceNames = ['red', 'blue'] as const
export const podsPerNode = 3
export const servedPorts = [8001, 8002, 8003] as const

const selector = fc.constantFrom<Selector>(
  {},
  { matchLabels: { app: 'web' } },
  { matchLabels: { app: 'db' } },
  { matchExpressions: [{ key: 'app', operator: 'In', values: ['web', 'cache'] }] },
  { matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['web'] }] },
  { matchExpressions: [{ key: 'tier', operator: 'Exists' }] },
  { matchExpressions: [{ key: 'tier', operator: 'DoesNotExist' }] },
  { matchLabels: { app: 'web' }, matchExpressions: [{ key: 'tier', operator: 'In', values: ['front', ''] }] },
)

const namespaceSelector = fc.constantFrom<Selector>(
  {},
  { matchLabels: { team: 'red' } },
  { matchExpressions: [{ key: 'team', operator: 'In', values: ['blue', 'green'] }] },
  { matchExpressions: [{ key: 'env', operator: 'DoesNotExist' }] },
)

const ipBlock = fc.constantFrom<IpBlock>(
  { cidr: '10.200.0.0/16' },
  { cidr: '10.200.0.0/16', except: ['10.200.1.0/24'] },
  { cidr: '0.0.0.0/0', except: ['10.200.2.0/24', '10.200.2.10/32', '10.200.1.11/32'] },
  { cidr: '0.0.0.0/0' },
  { cidr: `${outsideAddresses[0]}/32` },
  { cidr: 'fd00:200::/32', except: ['fd00:200:2::/64'] },
  { cidr: '::/0' },
  { cidr: '::/0', except: ['fd00:200:1::/64', 'fd00:203::/32'] },
  { cidr: `${outsideAddresses[1]}/128` },
)

const peer = fc.oneof(
  selector.map((podSelector): Peer => ({ podSelector })),
  namespaceSelector.map((chosen): Peer => ({ namespaceSelector: chosen })),
  fc.record({ podSelector: selector, namespaceSelector }),
  ipBlock.map((block): Peer => ({ ipBlock: block })),
)

const port = fc.constantFrom<Port>(
  { protocol: 'TCP', port: 8001 },
  { protocol: 'TCP', port: 8001, endPort: 8002 },
  { protocol: 'TCP', port: 8002, endPort: 9000 },
  { protocol: 'TCP', port: 'http' },
  { protocol: 'TCP' },
  { protocol: 'UDP' },
  { protocol: 'UDP', port: 8002 },
  { protocol: 'UDP', port: 'http' },
  { protocol: 'SCTP', port: 8001 },
)

const rule = fc.record({
  peers: fc.array(peer, { maxLength: 2 }),
  ports: fc.oneof(fc.constant<Port[]>([]), fc.array(port, { minLength: 1, maxLength: 2 })),
})

const policyArbitrary = fc
  .record({
    namespace: fc.constantFrom(...namespaceNames),
    podSelector: selector,
    policyTypes: fc.constantFrom<string[]>([], ['Ingress'], ['Egress'], ['Ingress', 'Egress']),
    ingress: fc.array(rule, { maxLength: 2 }),
    egress: fc.array(rule, { maxLength: 2 }),
  })
  .map(
    ({ namespace, podSelector, policyTypes, ingress, egress }): NetworkPolicy => ({
      metadata: { namespace },
      spec: {
        podSelector,
        policyTypes,
        ingress: ingress.map(({ peers, ports }) => ({ from: peers, ports })),
        egress: egress.map(({ peers, ports }) => ({ to: peers, ports })),
      },
    }),
  )

const podArbitrary = (node: number, index: number): fc.Arbitrary<Pod> =>
  fc
    .record({
      namespace: fc.constantFrom(...namespaceNames),
      app: fc.constantFrom('web', 'db', 'cache'),
      tier: fc.constantFrom<(string | undefined)[]>(undefined, '', 'front'),
      http: fc.constantFrom(...servedPorts),
      protocol: fc.constantFrom('TCP', 'UDP'),
      phase: fc.oneof(
        { weight: 9, arbitrary: fc.constant('Running') },
        { weight: 1, arbitrary: fc.constant('Failed') },
      ),
    })
    .map(({ namespace, app, tier, http, protocol, phase }) => ({
      metadata: {
        namespace,
        name: `pod-${node}-${index}`,
        uid: `uid-${node}-${index}`,
        labels: { app, ...(tier === undefined ? {} : { tier }) },
      },
      spec: {
        nodeName: `node-${node}`,
        containers: [{ name: 'main', ports: [{ name: 'http', containerPort: http, protocol }] }],
      },
      status: { phase, podIPs: podAddresses(node, index).map((ip) => ({ ip })) },
    }))

export const worldArbitrary: fc.Arbitrary<World> = fc
  .record({
    pods: fc.tuple(
      ...[1, 2].flatMap((node) => Array.from({ length: podsPerNode }, (_, index) => podArbitrary(node, index))),
    ),
    policies: fc.array(policyArbitrary, { minLength: 1, maxLength: 4 }),
    env: fc.constantFrom<Record<string, string>[]>({}, { env: 'prod' }),
  })
  .map(({ pods, policies, env }) => ({
    pods,
    policies: policies.map((policy, index) => ({ ...policy, metadata: { ...policy.metadata, name: `p${index}` } })),
    namespaces: { red: { team: 'red', ...env }, blue: { team: 'blue' } },
  }))
