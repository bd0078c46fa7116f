import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { EndpointSlice, Ingress, Service } from '../../api/types.ts'
import { ownIngresses } from './class.ts'
import { type Cluster, planRoutes, type Routing } from './routes.ts'

type Spec = NonNullable<Ingress['spec']>
type Path = NonNullable<NonNullable<Spec['rules']>[number]['http']>['paths'][number]

const backend = (name: string, port: { number?: number; name?: string } = { number: 80 }) => ({
  service: { name, port },
})
const path = (text: string, pathType: string, name: string): Path => ({ path: text, pathType, backend: backend(name) })

const ingress = (name: string, spec: Spec, created = '2026-01-01T00:00:00Z'): Ingress => ({
  metadata: { namespace: 'shop', name, creationTimestamp: created },
  spec,
})

const service = (name: string, spec: Service['spec'] = {}): Service => ({
  metadata: { namespace: 'shop', name },
  spec: { ports: [{ name: 'http', port: 80 }], ipFamilies: ['IPv4'], ...spec },
})

const slice = (
  name: string,
  endpoints: EndpointSlice['endpoints'],
  changes: Partial<EndpointSlice> = {},
): EndpointSlice => ({
  metadata: { namespace: 'shop', name, labels: { 'kubernetes.io/service-name': name } },
  addressType: 'IPv4',
  ports: [{ name: 'http', port: 8080 }],
  endpoints: endpoints ?? [],
  ...changes,
})

const cluster = (services: readonly Service[], slices: readonly EndpointSlice[] = []): Cluster => ({
  serviceOf: (namespace, name) =>
    services.find(({ metadata }) => metadata?.namespace === namespace && metadata.name === name),
  slicesOf: (_namespace, name) =>
    slices.filter(({ metadata }) => metadata?.labels?.['kubernetes.io/service-name'] === name),
})

const all = cluster(['a', 'b', 'c', 'd'].map((name) => service(name)))

/** As the proxy reads it: the first host that fits, then its first path that fits. */
const backendOf = (routing: Routing, host: string, asked: string): string | undefined => {
  const fits = (own: string): boolean =>
    own === '' ||
    own === host ||
    (own.startsWith('*.') && /^[^.]+$/.test(host.slice(0, -own.length + 1)) && host.endsWith(own.slice(1)))
  const routes = routing.hosts.find((one) => fits(one.host))
  const route = routes?.paths.find((one) =>
    one.match === 'exact' ? asked === one.path : asked === one.path || asked.startsWith(`${one.path}/`),
  )
  return (route?.backend ?? routes?.fallback ?? routing.fallback)?.split(':')[1]
}

describe('routes of Ingresses', () => {
  const rules = [
    {
      host: 'x.com',
      http: {
        paths: [
          path('/', 'Prefix', 'a'),
          path('/foo', 'Prefix', 'b'),
          path('/foo', 'Exact', 'c'),
          path('/foo/bar/', 'Prefix', 'd'),
        ],
      },
    },
    { host: '*.x.com', http: { paths: [path('/only', 'ImplementationSpecific', 'b')] } },
    { http: { paths: [path('/any', 'Exact', 'c')] } },
  ]
  const routing = planRoutes(
    [ingress('i', { rules }), ingress('last', { defaultBackend: backend('d') }, '2026-02-01T00:00:00Z')],
    all,
  )
  const cases: readonly (readonly [host: string, path: string, backend: string | undefined])[] = [
    ['x.com', '/', 'a'],
    ['x.com', '/foobar', 'a'],
    ['x.com', '/foo', 'c'],
    ['x.com', '/foo/', 'b'],
    ['x.com', '/foo/x', 'b'],
    ['x.com', '/foo/bar', 'd'],
    ['x.com', '/foo/bar/baz', 'd'],
    ['x.com', '/any', 'a'],
    ['y.x.com', '/only/this', 'b'],
    ['y.x.com', '/any', 'd'],
    ['z.y.x.com', '/only', 'd'],
    ['z.y.x.com', '/any', 'c'],
    ['other.org', '/any/', 'd'],
  ]
  for (const [host, asked, expected] of cases) {
    it(`lead ${host}${asked} to ${expected}`, () => assert.equal(backendOf(routing, host, asked), expected))
  }

  it('are the older Ingress’s where two want the same, and its own default before that of others', () => {
    const wanted = (name: string, created: string, own?: string): Ingress =>
      ingress(
        name,
        {
          rules: [{ host: 'x.com', http: { paths: [path('/p', 'Prefix', name)] } }],
          ...(own === undefined ? {} : { defaultBackend: backend(own) }),
        },
        created,
      )
    const both = planRoutes(
      [
        wanted('b', '2026-02-01T00:00:00Z', 'c'),
        wanted('a', '2026-01-01T00:00:00Z'),
        ingress('z', { defaultBackend: backend('d') }, '2025-01-01T00:00:00Z'),
      ],
      all,
    )
    assert.equal(backendOf(both, 'x.com', '/p'), 'a')
    assert.equal(backendOf(both, 'x.com', '/q'), 'c')
    assert.equal(backendOf(both, 'y.com', '/q'), 'd')
  })

  it('go to ready endpoints, and to those that still serve where none is ready', () => {
    const serversOf = (endpoints: EndpointSlice['endpoints'], changes: Partial<EndpointSlice> = {}): string[] => {
      const one = planRoutes(
        [ingress('i', { defaultBackend: backend('a', { name: 'http' }) })],
        cluster([service('a')], [slice('a', endpoints, changes)]),
      )
      return [...(one.backends.get('shop:a:http') ?? [])].map(({ ip, port }) => `${ip}:${port}`)
    }
    const ready = { addresses: ['10.0.0.1'], conditions: { ready: true } }
    const going = { addresses: ['10.0.0.2'], conditions: { ready: false, serving: true, terminating: true } }
    const down = { addresses: ['10.0.0.3'], conditions: { ready: false, serving: false } }
    assert.deepEqual(serversOf([down, going, ready, ready]), ['10.0.0.1:8080'])
    assert.deepEqual(serversOf([down, going]), ['10.0.0.2:8080'])
    assert.deepEqual(serversOf([ready], { ports: [{ name: 'other', port: 1 }] }), [])
    assert.deepEqual(serversOf([ready], { addressType: 'IPv6' }), [])
    assert.deepEqual(
      serversOf([ready], { ports: null, endpoints: null } as unknown as EndpointSlice),
      [],
      'as upstream writes it',
    )
  })

  const refused: readonly (readonly [what: string, spec: Spec, reason: string, message: RegExp])[] = [
    [
      'a Service that is not there',
      { defaultBackend: backend('no') },
      'ServiceNotFound',
      /service shop\/no does not exist/,
    ],
    ['a port that it does not have', { defaultBackend: backend('a', { number: 81 }) }, 'PortNotFound', /shop\/a:81/],
    ['a name that no port has', { defaultBackend: backend('a', { name: 'grpc' }) }, 'PortNotFound', /shop\/a:grpc/],
    ['a name elsewhere', { defaultBackend: backend('away') }, 'UnsupportedBackend', /ExternalName/],
    [
      'a resource',
      { defaultBackend: { resource: { kind: 'Bucket', name: 'pictures' } } },
      'UnsupportedBackend',
      /Bucket pictures/,
    ],
    [
      'a path that would be more than a path',
      { rules: [{ http: { paths: [path('/a\n  http-request deny', 'Exact', 'a')] } }] },
      'InvalidPath',
      /no request has such a path/,
    ],
  ]
  for (const [what, spec, reason, message] of refused) {
    it(`are told of ${what}`, () => {
      const { problems, backends } = planRoutes(
        [ingress('i', spec)],
        cluster([service('a'), service('away', { type: 'ExternalName' })]),
      )
      assert.deepEqual(
        problems.map((problem) => problem.reason),
        [reason],
      )
      assert.match(problems[0]?.message ?? '', message)
      assert.deepEqual([...backends.values()].flat(), [], 'answered with 503')
    })
  }
})

it('an Ingress belongs to the controller that its class names, in its field or in the old annotation', () => {
  const classes = [
    { metadata: { name: 'mine' }, spec: { controller: 'kubets.dev/ingress' } },
    { metadata: { name: 'other' }, spec: { controller: 'example.com/other' } },
  ]
  const of = (name: string, spec: Spec, annotations: Record<string, string> = {}): Ingress => ({
    metadata: { name, annotations },
    spec,
  })
  const own = ownIngresses(
    [
      of('field', { ingressClassName: 'mine' }),
      of('annotation', {}, { 'kubernetes.io/ingress.class': 'mine' }),
      of('none', {}),
      of('other', { ingressClassName: 'other' }, { 'kubernetes.io/ingress.class': 'mine' }),
      of('unknown', { ingressClassName: 'nobody' }),
    ],
    classes,
    'kubets.dev/ingress',
  )
  assert.deepEqual(
    own.map(({ metadata }) => metadata?.name),
    ['field', 'annotation'],
  )
})
