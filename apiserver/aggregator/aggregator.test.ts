import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { EndpointSlice, Service } from '../../api/types.ts'
import { serviceFinding } from './availability.ts'
import { KeyedLoop } from './keyed-loop.ts'
import { resourcesOfAggregated, resourcesOfLegacy } from './server-discovery.ts'
import { discoveryPathOf, remoteOf } from './remote-service.ts'
import { userHeaders } from './user-headers.ts'
import { realClock } from '../../component-base/clock.ts'

const remote = remoteOf({
  metadata: { name: 'v1.example.com' },
  spec: {
    group: 'example.com',
    version: 'v1',
    groupPriorityMinimum: 1,
    versionPriority: 1,
    service: { namespace: 'ns', name: 'svc' },
  },
})
if (remote === undefined) throw new Error('it has a service')

describe('a user for an aggregated server', () => {
  it('is written as client-go writes it', () => {
    const headers = userHeaders({
      name: 'jürgen',
      uid: '42',
      groups: ['a', 'b'],
      extra: { 'example.com/a b%': ['1', '2'] },
    })
    assert.deepEqual(headers, {
      'X-Remote-User': Buffer.from('jürgen').toString('latin1'),
      'X-Remote-Uid': '42',
      'X-Remote-Group': ['a', 'b'],
      'X-Remote-Extra-example.com%2Fa%20b%25': ['1', '2'],
    })
    assert.deepEqual(userHeaders({ name: 'x', groups: [] }), { 'X-Remote-User': 'x' })
  })
})

describe('the Service behind an APIService', () => {
  const service = (spec: Service['spec']): Service => ({ spec: { type: 'ClusterIP', ...spec } })
  const slice = (ready: boolean, port = 'https'): EndpointSlice => ({
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.0.0.1'], conditions: { ready } }],
    ports: [{ name: port, port: 8443 }],
  })
  const ports = [{ name: 'https', port: 443 }]
  const cases: readonly (readonly [string, Service | undefined, readonly EndpointSlice[], string | undefined])[] = [
    ['is absent', undefined, [], 'ServiceNotFound'],
    ['listens elsewhere', service({ ports: [{ port: 80 }] }), [], 'ServicePortError'],
    ['has no endpoints', service({ ports }), [], 'EndpointsNotFound'],
    ['has none that is ready', service({ ports }), [slice(false)], 'MissingEndpoints'],
    ['has none for the port', service({ ports }), [slice(true, 'http')], 'MissingEndpoints'],
    ['is fine', service({ ports }), [slice(false), slice(true)], undefined],
    ['is elsewhere, and so not looked into', service({ type: 'ExternalName', externalName: 'x' }), [], undefined],
  ]
  for (const [what, object, slices, reason] of cases) {
    it(what, () => assert.equal(serviceFinding(remote, object, slices)?.reason, reason))
  }
})

describe('discovery of older servers', () => {
  it('is told as that of newer ones', () => {
    const document = {
      resources: [
        { name: 'things', singularName: 'thing', namespaced: true, kind: 'Thing', verbs: ['get'], shortNames: ['t'] },
        { name: 'things/scale', namespaced: true, kind: 'Scale', group: 'autoscaling', version: 'v1', verbs: ['get'] },
        { name: 'orphans/status', kind: 'Orphan', verbs: ['get'] },
      ],
    }
    assert.deepEqual(resourcesOfLegacy(document, { group: 'example.com', version: 'v1' }), [
      {
        resource: 'things',
        responseKind: { group: 'example.com', version: 'v1', kind: 'Thing' },
        scope: 'Namespaced',
        singularResource: 'thing',
        verbs: ['get'],
        shortNames: ['t'],
        subresources: [
          {
            subresource: 'scale',
            responseKind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
            verbs: ['get'],
          },
        ],
      },
    ])
    assert.equal(discoveryPathOf(remote), '/apis/example.com/v1')
  })

  it('is taken as far as it makes sense', () => {
    const odd = [7, null, { resource: 'things', responseKind: 'Thing', scope: 5, verbs: ['get', 1], subresources: [0] }]
    const nobody = { group: '', version: '', kind: '' }
    assert.deepEqual(resourcesOfAggregated(odd), [
      {
        resource: 'things',
        responseKind: nobody,
        scope: 'Cluster',
        singularResource: '',
        verbs: ['get'],
        subresources: [{ subresource: '', responseKind: nobody, verbs: [] }],
      },
    ])
  })
})

describe('a keyed loop', () => {
  it('works on a key again after a failure, and once more for what came while it worked', async () => {
    const calls: string[] = []
    const done = Promise.withResolvers<void>()
    const loop = new KeyedLoop({
      clock: realClock,
      resyncMs: 60_000,
      onError: (key) => void calls.push(`${key} failed`),
      work: async (key) => {
        calls.push(key)
        if (calls.length === 1) throw new Error('at first')
        if (calls.length === 3) loop.add(key)
        else done.resolve()
        return true
      },
    })
    loop.add('a')
    await done.promise
    loop.stop()
    assert.deepEqual(calls, ['a', 'a failed', 'a', 'a'])
  })
})
