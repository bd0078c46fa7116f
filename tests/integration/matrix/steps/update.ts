/** PUT: optimistic concurrency, what it may not say, generation. */
import assert from 'node:assert/strict'
import type { KubeObject } from '../../../../api/types.ts'
import {
  changed,
  content,
  detailsOf,
  expectFailure,
  expectObject,
  expectUnchanged,
  type Life,
  notFound,
  patched,
  patchOf,
  qualified,
  secondOf,
  send,
  type Step,
} from '../life.ts'

const put = (life: Life, body: KubeObject, query = '') => send(life, 'PUT', `${life.path}${query}`, body)

const labelled = ({ object }: Life, step: string): KubeObject => patched(object, { metadata: { labels: { step } } })

const withVersion = ({ object }: Life, resourceVersion: string | undefined): KubeObject => {
  const { resourceVersion: _, ...metadata } = object.metadata ?? {}
  return { ...object, metadata: { ...metadata, ...(resourceVersion === undefined ? {} : { resourceVersion }) } }
}

const conflict = (life: Life, message: string) => ({
  code: 409,
  reason: 'Conflict',
  message: `Operation cannot be fulfilled on ${qualified(life.row)} "${life.name}": ${message}`,
  details: detailsOf(life.row, life.name),
})

const versionMissing = ({ row: { facts }, name }: Life) => {
  const cause = 'Invalid value: 0: must be specified for an update'
  const kind = facts.group === '' ? facts.kind : `${facts.kind}.${facts.group}`
  return {
    code: 422,
    reason: 'Invalid',
    message: `${kind} "${name}" is invalid: metadata.resourceVersion: ${cause}`,
    details: {
      name,
      ...(facts.group === '' ? {} : { group: facts.group }),
      kind: facts.kind,
      causes: [{ reason: 'FieldValueInvalid', message: cause, field: 'metadata.resourceVersion' }],
    },
  }
}

export const updateSteps: readonly Step[] = [
  {
    name: 'an update without a change writes nothing',
    run: async (life) => {
      assert.deepEqual(expectObject(await put(life, life.object)), life.object)
      await expectUnchanged(life, 'an empty update')
    },
  },
  {
    name: 'a dry run of an update stores nothing',
    run: async (life) => {
      const tried = expectObject(await put(life, labelled(life, 'tried'), '?dryRun=All'))
      assert.equal(tried.metadata?.labels?.['step'], 'tried')
      assert.equal(tried.metadata?.resourceVersion, life.object.metadata?.resourceVersion)
      await expectUnchanged(life, 'a dry run')
    },
  },
  {
    name: 'an update of metadata makes no new generation',
    run: async (life) => {
      const { generation } = life.object.metadata ?? {}
      const object = changed(life, await put(life, labelled(life, 'updated')))
      assert.equal(object.metadata?.labels?.['step'], 'updated')
      assert.equal(object.metadata?.generation, generation)
    },
  },
  {
    name: 'a stale update is refused',
    run: async (life) => {
      const stale = patched(withVersion(life, '1'), { metadata: { labels: { step: 'stale' } } })
      const message = 'the object has been modified; please apply your changes to the latest version and try again'
      for (const query of ['', '?dryRun=All']) expectFailure(await put(life, stale, query), conflict(life, message))
      await expectUnchanged(life, 'a stale update')
    },
  },
  {
    name: 'an update without a resourceVersion overwrites, or is refused',
    run: async (life) => {
      const answer = await put(life, withVersion(life, undefined))
      if (life.row.rules.versionNeeded === true) expectFailure(answer, versionMissing(life))
      else assert.deepEqual(expectObject(answer), life.object)
      await expectUnchanged(life, 'an update without a version')
    },
  },
  {
    name: 'an update of another object, by its uid, is refused',
    run: async (life) => {
      const uid = '00000000-0000-0000-0000-000000000000'
      // Told before the version, which is another object's too.
      const answer = await put(life, patched(withVersion(life, '1'), { metadata: { uid } }))
      const { message } = answer.status
      const key = /Key: (\S+), /.exec(message ?? '')?.[1] ?? ''
      assert.match(key, new RegExp(`^/registry/.*${life.name.replaceAll('.', '\\.')}$`))
      const detail = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${life.object.metadata?.uid}`
      expectFailure(
        answer,
        conflict(
          life,
          `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: ${detail}`,
        ),
      )
    },
  },
  {
    name: 'an update that names another object or namespace is refused',
    run: async (life) => {
      const badRequest = (message: string) => ({ code: 400, reason: 'BadRequest', message })
      const other = patched(life.object, { metadata: { name: 'other' } })
      const names = `the name of the object (other) does not match the name on the URL (${life.name})`
      expectFailure(await put(life, other), badRequest(names))
      if (!life.row.facts.namespaced) return
      const elsewhere = patched(life.object, { metadata: { namespace: 'elsewhere' } })
      const namespaces = 'the namespace of the provided object does not match the namespace sent on the request'
      expectFailure(await put(life, elsewhere), badRequest(namespaces))
    },
  },
  {
    name: 'a namespace is taken from what lies in none',
    applies: ({ facts }) => !facts.namespaced,
    run: async (life) => {
      const placed = patched(life.object, { metadata: { namespace: 'elsewhere' } })
      assert.deepEqual(expectObject(await put(life, placed)), life.object)
      const merged = await patchOf(life, 'merge', life.path, { metadata: { namespace: 'elsewhere' } })
      assert.deepEqual(expectObject(merged), life.object)
      const second = patched(secondOf(life, 'placed'), { metadata: { namespace: 'elsewhere' } })
      if (life.row.rules.second !== undefined) return
      const made = expectObject(await send(life, 'POST', `${life.collection}?dryRun=All`, second), 201)
      assert.deepEqual([made.metadata?.name, made.metadata?.namespace], ['placed', undefined])
    },
  },
  {
    name: 'an update of what is not there is refused, or creates it',
    run: async (life) => {
      const second = secondOf(life, 'by-put')
      if (life.row.rules.second !== undefined) second.metadata = { ...second.metadata, name: life.name }
      const name = life.row.rules.second === undefined ? 'by-put' : 'v9.missing'
      const body = patched(second, { metadata: { name } })
      const answer = await send(life, 'PUT', `${life.collection}/${name}?dryRun=All`, body)
      if (life.row.rules.madeByPut !== true) expectFailure(answer, notFound(life.row, name))
      else assert.equal(expectObject(answer, 201).metadata?.name, name)
      expectFailure(await send(life, 'GET', `${life.collection}/${name}`), notFound(life.row, name))
    },
  },
  {
    name: 'an update of the rest makes a new generation where there is one',
    applies: ({ rules }) => rules.edit !== undefined,
    run: async (life) => {
      const { edit = {}, counted } = life.row.rules
      const { generation } = life.object.metadata ?? {}
      const wanted = patched(life.object, edit)
      const object = changed(life, await put(life, wanted))
      assert.deepEqual(content(object), content(wanted))
      assert.equal(object.metadata?.generation, counted === true ? (generation ?? 0) + 1 : undefined)
    },
  },
]
