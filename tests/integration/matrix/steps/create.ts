/** POST: dry run, JSON, protobuf, generated names. */
import assert from 'node:assert/strict'
import { apiVersionOf, sampleOf } from '../corpus.ts'
import {
  changed,
  detailsOf,
  expectFailure,
  expectObject,
  type Life,
  notFound,
  qualified,
  secondOf,
  send,
  type Step,
} from '../life.ts'
import { startWatch } from '../watch-reader.ts'

const watchFromNow = async (life: Life): Promise<void> => {
  const list = expectObject(await send(life, 'GET', life.collection))
  const query = new URLSearchParams({
    watch: 'true',
    resourceVersion: list.metadata?.resourceVersion ?? '',
    fieldSelector: `metadata.name=${life.name}`,
  })
  life.watch = await startWatch(life.matrix.cluster, `${life.collection}?${query}`)
}

/** What the server gives every new object, and what it takes from it. */
const expectNew = (life: Life, object: Life['object']): void => {
  const { facts, rules } = life.row
  assert.equal(object.kind, facts.kind)
  assert.equal(object.apiVersion, apiVersionOf(facts))
  const { uid, creationTimestamp, generation, managedFields, finalizers, namespace } = object.metadata ?? {}
  assert.match(uid ?? '', /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
  assert.match(creationTimestamp ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
  assert.equal(generation, rules.counted === true ? 1 : undefined, 'generation')
  assert.deepEqual(finalizers, rules.finalizers, 'finalizers')
  assert.equal(namespace, facts.namespaced ? life.id : undefined)
  const [entry, ...others] = managedFields ?? []
  assert.deepEqual([entry?.operation, entry?.apiVersion, others], ['Update', apiVersionOf(facts), []])
}

/** What upstream calls the type that a kind is inside the server. */
const internalType = ({ group, kind }: Life['row']['facts']): string =>
  `${group === '' || group === 'events.k8s.io' ? 'core' : group.split('.')[0]}.${kind}`

const refuseOtherKinds = async (life: Life): Promise<void> => {
  const { facts } = life.row
  const post = (apiVersion: string, kind: string) =>
    send(life, 'POST', life.collection, { apiVersion, kind, metadata: { name: 'other' } })
  const refusal = (message: string) => ({ code: 400, reason: 'BadRequest', message })
  const cannotBe = (kind: string, version: string, why: string) =>
    refusal(`${kind} in version "${version}" cannot be handled as a ${facts.kind}: ${why}`)
  const other = facts.kind === 'ConfigMap' ? 'Secret' : 'ConfigMap'
  const conversion = `converting (v1.${other}) to (${internalType(facts)}): unknown conversion`
  expectFailure(await post('v1', other), cannotBe(other, 'v1', conversion))
  for (const [apiVersion, kind] of [
    [apiVersionOf(facts), 'Nonsense'],
    ['nonsense.example.com/v7', facts.kind],
  ] as const) {
    const answer = await post(apiVersion, kind)
    const scheme = /in scheme "(k8s\.io\/[a-z./-]+\.go:\d+)"$/.exec(answer.status.message ?? '')?.[1]
    const version = apiVersion.slice(apiVersion.indexOf('/') + 1)
    const why = `no kind "${kind}" is registered for version "${apiVersion}" in scheme "${scheme}"`
    expectFailure(answer, cannotBe(kind, version, why))
  }
}

export const createSteps: readonly Step[] = [
  {
    name: 'a dry run of its creation stores nothing',
    run: async (life) => {
      const object = expectObject(await send(life, 'POST', `${life.collection}?dryRun=All`, life.object), 201)
      expectNew(life, object)
      assert.equal(object.metadata?.resourceVersion, undefined)
      expectFailure(await send(life, 'GET', life.path), notFound(life.row, life.name))
    },
  },
  { name: 'no other kind is created in its place', run: refuseOtherKinds },
  {
    name: 'it is created, without the status that the client gave it',
    run: async (life) => {
      await watchFromNow(life)
      const { facts, rules } = life.row
      const hasStatus = facts.subresources.some(({ name }) => name === 'status') && rules.createdWithStatus !== true
      const given = hasStatus ? { ...life.object, status: rules.status } : life.object
      const object = changed(life, await send(life, 'POST', life.collection, given), 201)
      expectNew(life, object)
      for (const [field, value] of Object.entries(hasStatus ? (rules.status ?? {}) : {})) {
        const kept = (object['status'] as Record<string, unknown> | undefined)?.[field]
        assert.notDeepEqual(kept, value, `status.${field} of a new object`)
      }
      if (rules.emptyStatus !== undefined) assert.deepEqual(object['status'], rules.emptyStatus)
    },
  },
  {
    name: 'it is created only once',
    run: async (life) => {
      for (const query of ['', '?dryRun=All']) {
        const again = await send(life, 'POST', `${life.collection}${query}`, sampleOf(life.row.facts, life.id))
        expectFailure(again, {
          code: 409,
          reason: 'AlreadyExists',
          message: `${qualified(life.row)} "${life.name}" already exists`,
          details: detailsOf(life.row, life.name),
        })
      }
    },
  },
  {
    name: 'another is created as protobuf',
    run: async (life) => {
      const body = secondOf(life, 'second')
      const answer = await life.matrix.protobuf.call(life.collection, { method: 'POST', body })
      const created = answer.object()
      assert.equal(answer.code, 201, JSON.stringify(created))
      assert.equal(created.kind, life.row.facts.kind)
      assert.equal(created.metadata?.name, body.metadata?.name)
    },
  },
  {
    name: 'it gets a name made from generateName',
    applies: ({ rules }) => rules.second === undefined,
    run: async (life) => {
      const object = secondOf(life, 'generated')
      const { name: _, ...metadata } = object.metadata ?? {}
      const body = { ...object, metadata: { ...metadata, generateName: 'made-' } }
      const made = expectObject(await send(life, 'POST', life.collection, body), 201)
      assert.match(made.metadata?.name ?? '', /^made-[bcdfghjklmnpqrstvwxz2456789]{5}$/)
      assert.equal(made.metadata?.generateName, 'made-')
    },
  },
]
