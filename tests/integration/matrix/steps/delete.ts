/** DELETE: preconditions, dry run, finalizers, propagation, collections. */
import assert from 'node:assert/strict'
import type { KubeObject } from '../../../../api/types.ts'
import type { Row } from '../rows.ts'
import {
  changed,
  detailsOf,
  expectFailure,
  expectObject,
  expectUnchanged,
  type Life,
  notFound,
  patchOf,
  secondOf,
  send,
  type Step,
} from '../life.ts'

const remove = (life: Life, options: object = {}, path = life.path) =>
  send(life, 'DELETE', path, { kind: 'DeleteOptions', apiVersion: 'v1', ...options })

/** Options that add no finalizer to this row's objects. */
const inBackground = ({ row }: Life): object =>
  row.rules.orphansByDefault === true ? { propagationPolicy: 'Background' } : {}

const conflict = (life: Life, message: string) => {
  const { group, kind } = life.row.facts
  return {
    code: 409,
    reason: 'Conflict',
    message: `Operation cannot be fulfilled on ${group === '' ? kind : `${kind}.${group}`} "${life.name}": ${message}`,
    details: { name: life.name, ...(group === '' ? {} : { group }), kind },
  }
}

const setFinalizers = (life: Life, path: string, finalizers: readonly string[] | null) =>
  patchOf(life, 'merge', path, { metadata: { finalizers } })

const expectGone = async (life: Life, path: string, name: string): Promise<void> =>
  expectFailure(await send(life, 'GET', path), notFound(life.row, name))

/** What the row's server-side finalizers hold is let go, as its controller would. */
const letGo = async (life: Life, path: string): Promise<void> => {
  const answer = await send(life, 'GET', path)
  if (answer.code === 404) return
  const { finalizers = [] } = (answer.json as KubeObject).metadata ?? {}
  if (finalizers.length > 0) expectObject(await setFinalizers(life, path, null))
}

const isNamespace = ({ row }: Life): boolean => row.key === 'namespaces.v1'

/** Namespaces go when their own finalizers do. */
const finalize = async (life: Life, path: string): Promise<void> => {
  const { code, json } = await send(life, 'GET', path)
  if (code === 404) return
  expectObject(await send(life, 'PUT', `${path}/finalize`, { ...json, spec: { finalizers: [] } }))
}

const names = (list: KubeObject): string[] =>
  (list as KubeObject & { items: KubeObject[] }).items.map(({ metadata }) => metadata?.name ?? '')

/** Others are cleaned up after, by controllers with tests of their own. */
const goesByItself = ({ rules }: Row): boolean => rules.settled === undefined

export const deleteSteps: readonly Step[] = [
  {
    name: 'its deletion is refused where a precondition fails',
    run: async (life) => {
      const { uid, resourceVersion } = life.object.metadata ?? {}
      const other = '00000000-0000-0000-0000-000000000000'
      const uidMessage = `the UID in the precondition (${other}) does not match the UID in record (${uid}). The object might have been deleted and then recreated`
      expectFailure(await remove(life, { preconditions: { uid: other } }), conflict(life, uidMessage))
      const versionMessage = `the ResourceVersion in the precondition (1) does not match the ResourceVersion in record (${resourceVersion}). The object might have been modified`
      expectFailure(await remove(life, { preconditions: { resourceVersion: '1' } }), conflict(life, versionMessage))
      await expectUnchanged(life, 'refused deletions')
    },
  },
  {
    name: 'a dry run of its deletion deletes nothing',
    run: async (life) => {
      expectObject(await remove(life, { dryRun: ['All'] }))
      await expectUnchanged(life, 'a dry run')
    },
  },
  {
    name: 'dependents are orphaned, deleted first or later, as asked',
    applies: ({ rules }) => rules.second === undefined,
    run: async (life) => {
      const cases = [
        ['Orphan', 'orphan'],
        ['Foreground', 'foregroundDeletion'],
      ] as const
      for (const [propagationPolicy, finalizer] of cases) {
        const name = propagationPolicy.toLowerCase()
        const path = `${life.collection}/${name}`
        const { metadata } = expectObject(await send(life, 'POST', life.collection, secondOf(life, name)), 201)
        const object = expectObject(await remove(life, { propagationPolicy }, path))
        if (life.row.rules.ignoresPropagation === true) {
          if (isNamespace(life)) await finalize(life, path)
          await expectGone(life, path, name)
          continue
        }
        assert.deepEqual(object.metadata?.finalizers, [...(metadata?.finalizers ?? []), finalizer])
        assert.notEqual(object.metadata?.deletionTimestamp, undefined)
        await letGo(life, path)
        await expectGone(life, path, name)
      }
      const path = `${life.collection}/background`
      expectObject(await send(life, 'POST', life.collection, secondOf(life, 'background')), 201)
      if (life.row.rules.orphansByDefault === true) {
        const tried = expectObject(await remove(life, { dryRun: ['All'] }, path))
        assert.deepEqual(tried.metadata?.finalizers, ['orphan'])
      }
      expectObject(await remove(life, { propagationPolicy: 'Background' }, path))
      await letGo(life, path)
      if (isNamespace(life)) await finalize(life, path)
      await expectGone(life, path, 'background')
    },
  },
  {
    name: 'a finalizer holds it',
    applies: goesByItself,
    run: async (life) => {
      const held = [...(life.object.metadata?.finalizers ?? []), 'example.com/hold']
      changed(life, await setFinalizers(life, life.path, held))
      const { generation } = life.object.metadata ?? {}
      const tried = expectObject(await remove(life, { dryRun: ['All'] }))
      assert.notEqual(tried.metadata?.deletionTimestamp, undefined)
      await expectUnchanged(life, 'a dry run')
      // Deletion is under way and not done: 202, but only for those who asked for the dependents in the old way.
      const object = changed(life, await remove(life, { orphanDependents: false }), 202)
      assert.notEqual(object.metadata?.deletionTimestamp, undefined)
      assert.equal(object.metadata?.generation, generation === undefined ? undefined : generation + 1)
      assert.deepEqual(object.metadata?.finalizers, held)
      assert.deepEqual(expectObject(await remove(life, inBackground(life))), object, 'deleted again')
      await expectUnchanged(life, 'a second deletion')
    },
  },
  {
    name: 'it goes with its last finalizer',
    applies: goesByItself,
    run: async (life) => {
      if (isNamespace(life)) {
        changed(life, await send(life, 'PUT', `${life.path}/finalize`, { ...life.object, spec: { finalizers: [] } }))
      }
      const last = expectObject(await setFinalizers(life, life.path, null))
      assert.equal(last.metadata?.uid, life.object.metadata?.uid)
      await expectGone(life, life.path, life.name)
      expectFailure(await remove(life), notFound(life.row, life.name))
    },
  },
  {
    name: 'a deletion answers with what is gone, or that it is',
    applies: goesByItself,
    run: async (life) => {
      const second = secondOf(life, 'second')
      const name = second.metadata?.name ?? ''
      const path = `${life.collection}/${encodeURIComponent(name)}`
      if (life.row.rules.finalizers !== undefined) expectObject(await setFinalizers(life, path, null))
      const { uid } = expectObject(await send(life, 'GET', path)).metadata ?? {}
      const answer = expectObject(await remove(life, inBackground(life), path))
      if (isNamespace(life)) {
        assert.equal(answer.kind, 'Namespace')
        return await finalize(life, path)
      }
      if (life.row.rules.answersWithObject === true) assert.equal(answer.metadata?.uid, uid)
      else {
        const details = { ...detailsOf(life.row, name), uid }
        assert.deepEqual(answer, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details })
      }
      await expectGone(life, path, name)
    },
  },
  {
    name: 'a collection is deleted by selector',
    applies: ({ facts, rules }) => facts.verbs.includes('deletecollection') && rules.second === undefined,
    run: async (life) => {
      for (const name of ['red', 'blue']) {
        expectObject(await send(life, 'POST', life.collection, secondOf(life, name)), 201)
      }
      const query = `labelSelector=${encodeURIComponent(`matrix=${life.id},step=red`)}`
      const path = `${life.collection}?${query}`
      const tried = expectObject(await send(life, 'DELETE', `${path}&dryRun=All`))
      assert.deepEqual([tried.kind, names(tried)], [`${life.row.facts.kind}List`, ['red']])
      expectObject(await send(life, 'GET', `${life.collection}/red`))
      const options = { kind: 'DeleteOptions', apiVersion: 'v1', dryRun: ['All'] }
      const inProtobuf = await life.matrix.protobuf.call(path, { method: 'DELETE', body: options })
      assert.deepEqual([inProtobuf.code, names(inProtobuf.object())], [200, ['red']])
      expectObject(await send(life, 'GET', `${life.collection}/red`))
      assert.deepEqual(names(expectObject(await send(life, 'DELETE', path))), ['red'])
      await letGo(life, `${life.collection}/red`)
      await expectGone(life, `${life.collection}/red`, 'red')
      expectObject(await send(life, 'GET', `${life.collection}/blue`))
    },
  },
  {
    name: 'a watch has seen all of it, in order and once',
    applies: goesByItself,
    run: async (life) => {
      const events = (await life.watch?.until('DELETED')) ?? []
      life.watch?.close()
      const seen = events.map(({ type, object }) => `${type} ${object.metadata?.resourceVersion}`)
      const [first = '', ...later] = life.versions
      const deleted = events.at(-1)?.object.metadata?.resourceVersion ?? ''
      assert.deepEqual(seen, [`ADDED ${first}`, ...later.map((version) => `MODIFIED ${version}`), `DELETED ${deleted}`])
      assert.ok(Number(deleted) > Number(life.versions.at(-1)), 'the version of the deletion')
      for (const { object } of events) assert.equal(object.metadata?.uid, life.object.metadata?.uid)
    },
  },
]
