/** Priority and fairness: its objects, who is let in when, and what others notice of a flood. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  mandatoryFlowSchemas,
  mandatoryPriorityLevels,
  suggestedFlowSchemas,
  suggestedPriorityLevels,
} from '../../api/flowcontrol/bootstrap.ts'
import { flowSchemas, priorityLevelConfigurations } from '../../api/resources.ts'
import type { FlowSchema, PriorityLevelConfiguration } from '../../api/types.ts'
import { createHttp, type Http, pkiCredentials } from '../harness/http.ts'
import { openPost } from '../harness/open-post.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { waitFor } from '../harness/wait.ts'

const theCluster = useCluster(
  {
    extraArgs: {
      'kube-apiserver': { 'max-requests-inflight': '40', 'max-mutating-requests-inflight': '20' },
    },
  },
  (cluster) => {
    http = createHttp(cluster, pkiCredentials(cluster, 'admin'))
    anonymous = createHttp(cluster)
  },
)
let http: Http
let anonymous: Http

const configMaps = '/api/v1/namespaces/default/configmaps'
const events = '/api/v1/namespaces/default/events?dryRun=All'
const dump = (what: string): string => `/debug/api_priority_and_fairness/dump_${what}`

/** Headers of a request that the administrator makes in somebody's name. */
const as = (user: string, group?: string): Record<string, string> => ({
  'impersonate-user': user,
  ...(group === undefined ? {} : { 'impersonate-group': group }),
})

const uidOf = async (kind: 'flowschemas' | 'prioritylevelconfigurations', name: string): Promise<string> => {
  const { json } = await http(`/apis/flowcontrol.apiserver.k8s.io/v1/${kind}/${name}`)
  return (json as { metadata: { uid: string } }).metadata.uid
}

const aLevel = (name: string, limited: object): PriorityLevelConfiguration =>
  ({
    metadata: { name },
    spec: { type: 'Limited', limited },
  }) as PriorityLevelConfiguration

/** All that `user` does belongs to this level, from the next moment on. */
const aSchema = (name: string, level: string, user: string, matchingPrecedence = 50): FlowSchema => ({
  metadata: { name },
  spec: {
    priorityLevelConfiguration: { name: level },
    matchingPrecedence,
    distinguisherMethod: { type: 'ByUser' },
    rules: [
      {
        subjects: [{ kind: 'User', user: { name: user } }],
        resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*'] }],
      },
    ],
  },
})

/** Which FlowSchema and level the server says that a request had, by name. */
const classified = async (call: Parameters<Http>, client = http): Promise<readonly [string, string]> => {
  const { headers } = await client(...call)
  const nameWith = (list: readonly { metadata?: { name?: string; uid?: string } }[], uid: unknown): string =>
    list.find(({ metadata }) => metadata?.uid === uid)?.metadata?.name ?? `unknown ${uid}`
  const { client: rest } = theCluster()
  const { items: schemas } = await rest.list(flowSchemas)
  const { items: levels } = await rest.list(priorityLevelConfigurations)
  return [
    nameWith(schemas, headers['x-kubernetes-pf-flowschema-uid']),
    nameWith(levels, headers['x-kubernetes-pf-prioritylevel-uid']),
  ]
}

describe('the objects that every cluster has', () => {
  it('are those of upstream, each with its own level', async () => {
    const { client } = theCluster()
    const { items: levels } = await client.list(priorityLevelConfigurations)
    const names = (list: readonly { metadata?: { name?: string } }[]) =>
      list.map(({ metadata }) => metadata?.name ?? '').toSorted()
    assert.deepEqual(names(levels), names([...mandatoryPriorityLevels, ...suggestedPriorityLevels]))
    const { items: schemas } = await waitFor(
      async () => {
        const list = await client.list(flowSchemas)
        return list.items.every(({ status }) => status?.conditions?.length === 1) ? list : undefined
      },
      { what: 'the condition Dangling' },
    )
    assert.deepEqual(names(schemas), names([...mandatoryFlowSchemas, ...suggestedFlowSchemas]))
    for (const { metadata, status, spec } of schemas) {
      assert.equal(metadata?.annotations?.['apf.kubernetes.io/autoupdate-spec'], 'true')
      assert.equal(status?.conditions?.[0]?.status, 'False', metadata?.name)
      assert.equal(
        status?.conditions?.[0]?.message,
        `This FlowSchema references the PriorityLevelConfiguration object named "${spec?.priorityLevelConfiguration?.name}" and it exists`,
      )
      assert.deepEqual(
        metadata?.managedFields?.map(({ manager, operation, subresource }) => [manager, operation, subresource]),
        [
          ['api-priority-and-fairness-config-consumer-v1', 'Apply', 'status'],
          ['api-priority-and-fairness-config-producer-v1', 'Update', undefined],
        ],
      )
    }
  })
})

describe('a request', () => {
  it('is told by UIDs which FlowSchema and level it had', async () => {
    const namespaced = configMaps
    for (const [call, expected] of [
      [
        [namespaced, { headers: as('root', 'system:masters') }],
        ['exempt', 'exempt'],
      ],
      [[namespaced], ['global-default', 'global-default']],
      [
        [namespaced, { headers: as('alice') }],
        ['global-default', 'global-default'],
      ],
      [
        [namespaced, { headers: as('system:node:n', 'system:nodes') }],
        ['system-nodes', 'system'],
      ],
      [
        ['/api/v1/nodes/n/status', { headers: as('system:node:n', 'system:nodes') }],
        ['system-node-high', 'node-high'],
      ],
      [
        [namespaced, { headers: as('system:kube-scheduler') }],
        ['kube-scheduler', 'workload-high'],
      ],
      [
        ['/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/x', { headers: as('system:kube-scheduler') }],
        ['system-leader-election', 'leader-election'],
      ],
      [
        [namespaced, { headers: as('system:serviceaccount:kube-system:x') }],
        ['kube-system-service-accounts', 'workload-high'],
      ],
      [
        [namespaced, { headers: as('system:serviceaccount:a:x') }],
        ['service-accounts', 'workload-low'],
      ],
    ] as const) {
      assert.deepEqual(await classified([...call] as unknown as Parameters<Http>), expected, JSON.stringify(call))
    }
    assert.deepEqual(await classified(['/livez'], anonymous), ['probes', 'exempt'])
    assert.deepEqual(await classified(['/version'], anonymous), ['global-default', 'global-default'])
  })
})

/** A level with so few seats that a test can take them all, and the user whose it is. */
const useLevel = async (name: string, limited: object): Promise<AsyncDisposable & { readonly user: string }> => {
  const { client } = theCluster()
  const user = `user-of-${name}`
  await client.create(priorityLevelConfigurations, aLevel(name, limited))
  await client.create(flowSchemas, aSchema(name, name, user))
  const uid = await uidOf('flowschemas', name)
  await waitFor(
    async () =>
      (await http(`${configMaps}?timeout=40ms`, { headers: as(user) })).headers['x-kubernetes-pf-flowschema-uid'] ===
      uid,
    {
      what: `the FlowSchema ${name} to take effect`,
    },
  )
  return {
    user,
    [Symbol.asyncDispose]: async () => {
      await client.delete(flowSchemas, name)
      await client.delete(priorityLevelConfigurations, name)
    },
  }
}

const busy = 'Too many requests, please try again later.\n'

describe('a priority level of one’s own', () => {
  it('that has no seats rejects at once, with text and Retry-After, and only its own', async () => {
    await using level = await useLevel('closed', {
      nominalConcurrencyShares: 0,
      borrowingLimitPercent: 0,
      limitResponse: { type: 'Queue', queuing: { queues: 1, handSize: 1, queueLengthLimit: 1 } },
    })
    const holding = openPost(theCluster(), events, {
      ...pkiCredentials(theCluster(), 'admin'),
      headers: as(level.user),
    })
    await waitFor(async () => (await http(dump('requests'))).text.includes(' closed,'), {
      what: 'a request in the queue',
    })
    const { code, text, headers } = await http(configMaps, { headers: as(level.user) })
    holding.request.destroy()
    assert.deepEqual([code, text], [429, busy])
    assert.equal(headers['retry-after'], '1')
    assert.equal(headers['content-type'], 'text/plain; charset=utf-8')
    assert.equal(headers['x-content-type-options'], 'nosniff')
    assert.equal(headers['x-kubernetes-pf-prioritylevel-uid'], await uidOf('prioritylevelconfigurations', 'closed'))
    assert.equal((await http(configMaps, { headers: as('alice') })).code, 403)
  })
})
