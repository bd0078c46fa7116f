/** The status belongs to its endpoint, and all else to the main one. */
import assert from 'node:assert/strict'
import type { KubeObject } from '../../../../api/types.ts'
import { apiVersionOf } from '../corpus.ts'
import {
  changed,
  content,
  expectObject,
  expectUnchanged,
  type Life,
  patched,
  patchOf,
  send,
  type Step,
  stored,
} from '../life.ts'
import type { Row } from '../rows.ts'

const hasStatus = ({ facts }: Row): boolean => facts.subresources.some(({ name }) => name === 'status')

const statusOf = (object: KubeObject): unknown => object['status']
const withoutStatus = (object: KubeObject): KubeObject => {
  const { status: _, ...rest } = content(object)
  return rest
}

/** The object as it was made: what an edit has changed is as before. */
const unedited = (life: Life): KubeObject => {
  const { edit = {} } = life.row.rules
  const emptied = Object.fromEntries(Object.keys(edit).map((field) => [field, null]))
  return Object.keys(emptied).length === 0 ? life.object : patched(life.object, emptied)
}

const expectStatus = (object: KubeObject, wanted: object | undefined): void => {
  for (const [field, value] of Object.entries(wanted ?? {})) {
    assert.deepEqual((statusOf(object) as Record<string, unknown> | undefined)?.[field], value, `status.${field}`)
  }
}

/** Controllers of the API server put back at once what they say there. */
const isOurs = (row: Row): boolean => hasStatus(row) && row.rules.settled === undefined

const step = (name: string, run: Step['run'], applies = hasStatus): Step => ({ name, applies, run })

export const statusSteps: readonly Step[] = [
  step('the status endpoint shows the whole object', async (life) => {
    assert.deepEqual(expectObject(await send(life, 'GET', `${life.path}/status`)), life.object)
  }),
  step('the main endpoint does not touch the status', async (life) => {
    if (life.row.rules.mainWritesStatus === true) return
    const body = patched(life.object, { status: life.row.rules.status ?? {} })
    assert.deepEqual(expectObject(await send(life, 'PUT', life.path, body)), life.object)
    const merged = await patchOf(life, 'merge', life.path, { status: life.row.rules.status ?? {} })
    assert.deepEqual(expectObject(merged), life.object)
    await expectUnchanged(life, 'a status through the main endpoint')
  }),
  step('a dry run of a status stores nothing', async (life) => {
    const body = patched(life.object, { status: life.row.rules.status ?? {} })
    expectStatus(expectObject(await send(life, 'PUT', `${life.path}/status?dryRun=All`, body)), life.row.rules.status)
    await expectUnchanged(life, 'a dry run')
  }),
  step(
    'the status endpoint touches nothing but the status',
    async (life) => {
      const before = life.object
      const body = patched(unedited(life), { status: life.row.rules.status ?? {} })
      const object = changed(life, await send(life, 'PUT', `${life.path}/status`, body))
      expectStatus(object, life.row.rules.status)
      assert.deepEqual(withoutStatus(object), withoutStatus(before))
      assert.equal(object.metadata?.generation, before.metadata?.generation)
      assert.deepEqual(await stored(life), object)
    },
    isOurs,
  ),
  step(
    'the status takes every kind of patch',
    async (life) => {
      const { facts, rules } = life.row
      const path = `${life.path}/status`
      const status = rules.status ?? {}
      for (const type of ['merge', 'strategic'] as const) {
        assert.deepEqual(expectObject(await patchOf(life, type, path, { status })), life.object, type)
      }
      const operations = Object.entries(status).map(([name, value]) => ({ op: 'test', path: `/status/${name}`, value }))
      assert.deepEqual(expectObject(await patchOf(life, 'json', path, operations)), life.object)
      const before = life.object
      const configuration = { apiVersion: apiVersionOf(facts), kind: facts.kind, metadata: { name: life.name }, status }
      const applied = await patchOf(life, 'apply', `${path}?fieldManager=status-applier&force=true`, configuration)
      if (rules.statusIsNotOwned === true) return assert.deepEqual(expectObject(applied), before)
      const object = changed(life, applied)
      assert.deepEqual(content(object), content(before))
      const entry = object.metadata?.managedFields?.find(({ manager }) => manager === 'status-applier')
      assert.deepEqual([entry?.operation, entry?.subresource], ['Apply', 'status'])
      await expectUnchanged(life, 'the patches')
    },
    isOurs,
  ),
]
