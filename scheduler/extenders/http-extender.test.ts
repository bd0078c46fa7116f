import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createCa, issueCertificate } from '../../component-base/pki/certificates.ts'
import type { ExtenderSpec } from '../config/types.ts'
import type { Extender } from '../framework/extender.ts'
import { aNode, aPod, aScheduler, requesting } from '../testing/fixtures.ts'
import { type ExtenderHandlers, startExtender, type TestExtender } from '../testing/extender-server.ts'
import { createHttpExtender } from './http-extender.ts'

const verbs: ExtenderSpec = {
  filterVerb: 'filter',
  prioritizeVerb: 'prioritize',
  preemptVerb: 'preempt',
  bindVerb: 'bind',
  weight: 1,
}

const { cache } = aScheduler({ nodes: [aNode('a'), aNode('b'), aNode('c')] })
const victim = aPod({ priority: 1, ...requesting('1') })
cache.assume(victim, 'a')
const pod = aPod()

const withExtender = async (
  handlers: ExtenderHandlers,
  spec: Partial<ExtenderSpec>,
  test: (extender: Extender, server: TestExtender) => Promise<void>,
): Promise<void> => {
  const server = await startExtender(handlers)
  try {
    await test(createHttpExtender({ urlPrefix: server.url, ...verbs, ...spec }, cache), server)
  } finally {
    server.close()
  }
}

describe('an HTTP extender', () => {
  it('is sent whole nodes, and answers with those that pass', () =>
    withExtender(
      {
        filter: (body) => {
          const { items } = body['Nodes'] as { items: { metadata: { name: string } }[] }
          return {
            nodes: { items: items.filter(({ metadata }) => metadata.name === 'b') },
            failedNodes: { a: 'full' },
            failedAndUnresolvableNodes: { c: 'never' },
          }
        },
      },
      {},
      async (extender, { calls }) => {
        const answer = await extender.filter?.(pod, cache.nodes)
        assert.deepEqual(
          answer?.feasible.map(({ name }) => name),
          ['b'],
        )
        assert.deepEqual([...(answer?.failed ?? [])], [['a', 'full']])
        assert.deepEqual([...(answer?.failedAndUnresolvable ?? [])], [['c', 'never']])
        assert.equal(calls[0]?.body['NodeNames'], null)
      },
    ))

  it('that knows the nodes is sent their names alone', () =>
    withExtender(
      { filter: () => ({ NodeNames: ['c'] }), prioritize: () => [{ Host: 'c', Score: 7 }] },
      { nodeCacheCapable: true },
      async (extender, { calls }) => {
        const answer = await extender.filter?.(pod, cache.nodes)
        assert.deepEqual(
          answer?.feasible.map(({ name }) => name),
          ['c'],
        )
        assert.deepEqual(calls[0]?.body['NodeNames'], ['a', 'b', 'c'])
        assert.equal(calls[0]?.body['Nodes'], null)
        assert.deepEqual([...((await extender.prioritize?.(pod, cache.nodes)) ?? [])], [['c', 7]])
      },
    ))

  it('names victims by their uids', () =>
    withExtender(
      {
        preempt: () => ({
          NodeNameToMetaVictims: { a: { Pods: [{ UID: victim.metadata?.uid }], NumPDBViolations: 2 } },
        }),
      },
      {},
      async (extender) => {
        const answer = await extender.preempt?.(pod, new Map([['a', { pods: [victim], pdbViolations: 0 }]]))
        assert.deepEqual(
          answer?.get('a')?.pods.map(({ metadata }) => metadata?.name),
          [victim.metadata?.name],
        )
        assert.equal(answer?.get('a')?.pdbViolations, 2)
      },
    ))

  it('binds', () =>
    withExtender({ bind: () => ({}) }, {}, async (extender, { calls }) => {
      await extender.bind?.(pod, 'b')
      const { name, namespace, uid } = pod.metadata ?? {}
      assert.deepEqual(calls[0]?.body, { PodName: name, PodNamespace: namespace, PodUID: uid, Node: 'b' })
    }))

  const failures: readonly [what: string, handlers: ExtenderHandlers, message: RegExp][] = [
    ['answers with an error', { filter: () => ({ Error: 'no luck' }) }, /^no luck$/],
    [
      'invents a node',
      { filter: () => ({ Nodes: { items: [{ metadata: { name: 'x' } }] } }) },
      /claims a filtered node "x" which is not found in the input node list/,
    ],
    ['does not know the verb', {}, /^failed filter with extender at URL http:.*\/filter, code 404$/],
  ]
  for (const [what, handlers, message] of failures) {
    it(`fails when it ${what}`, () =>
      withExtender(handlers, {}, (extender) =>
        assert.rejects(async () => extender.filter?.(pod, cache.nodes), { message }),
      ))
  }

  it('fails when it takes too long', () => {
    const never = Promise.withResolvers<void>()
    return withExtender({ filter: () => never.promise }, { httpTimeout: '50ms' }, (extender) =>
      assert.rejects(async () => extender.filter?.(pod, cache.nodes), { name: 'AbortError' }),
    )
  })

  it('is trusted by its certificate over TLS', async () => {
    const ca = await createCa('extender-ca')
    const other = await createCa('another-ca')
    const request = { commonName: 'extender', dnsNames: ['localhost'], usages: ['server'], days: 1 } as const
    const { certPem, keyPem } = await issueCertificate(ca, request)
    const server = await startExtender({ filter: () => ({ Nodes: { items: [] } }) }, { cert: certPem, key: keyPem })
    const by = (caPem: string | undefined): Extender =>
      createHttpExtender(
        {
          urlPrefix: server.url,
          ...verbs,
          enableHTTPS: true,
          tlsConfig: {
            serverName: 'localhost',
            ...(caPem === undefined ? {} : { caData: Buffer.from(caPem).toString('base64') }),
          },
        },
        cache,
      )
    try {
      assert.deepEqual((await by(ca.certPem).filter?.(pod, cache.nodes))?.feasible, [])
      assert.deepEqual(
        (await by(undefined).filter?.(pod, cache.nodes))?.feasible,
        [],
        'without a CA nothing is checked',
      )
      await assert.rejects(async () => by(other.certPem).filter?.(pod, cache.nodes))
      const plain = createHttpExtender({ urlPrefix: server.url, ...verbs }, cache)
      await assert.rejects(async () => plain.filter?.(pod, cache.nodes), 'without enableHTTPS the usual CAs count')
    } finally {
      server.close()
    }
  })

  it('is asked about Pods of its resources alone', () => {
    const extender = createHttpExtender({ ...verbs, managedResources: [{ name: 'example.com/fpga' }] }, cache)
    const asking = aPod({ containers: [{ name: 'a', resources: { limits: { 'example.com/fpga': '1' } } }] })
    assert.deepEqual([pod, asking].map(extender.isInterested), [false, true])
  })
})
