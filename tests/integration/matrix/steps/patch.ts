/** PATCH in its four types. */
import assert from 'node:assert/strict'
import { apiVersionOf } from '../corpus.ts'
import {
  changed,
  content,
  expectFailure,
  expectObject,
  expectUnchanged,
  type Life,
  notFound,
  patched,
  patchOf,
  type PatchType,
  secondOf,
  send,
  type Step,
} from '../life.ts'

const configuration = ({ row: { facts }, name }: Life, change: object): object =>
  patched({ apiVersion: apiVersionOf(facts), kind: facts.kind, metadata: { name } }, change)

/** A patch of that type that gives the label `step` this value. */
const labelPatch = (life: Life, type: PatchType, value: string): unknown => {
  const change = { metadata: { labels: { step: value } } }
  if (type === 'json') return [{ op: 'replace', path: '/metadata/labels/step', value }]
  return type === 'apply' ? configuration(life, change) : change
}

const queryOf = (type: PatchType, dryRun = false): string => {
  const parameters = [
    ...(dryRun ? ['dryRun=All'] : []),
    ...(type === 'apply' ? ['fieldManager=applier&force=true'] : []),
  ]
  return parameters.length === 0 ? '' : `?${parameters.join('&')}`
}

const patchStep = (type: PatchType): Step => ({
  name: `it takes a patch of type ${type}`,
  run: async (life) => {
    const before = life.object
    const { uid, generation } = before.metadata ?? {}
    const body = labelPatch(life, type, type)
    const tried = expectObject(await patchOf(life, type, `${life.path}${queryOf(type, true)}`, body))
    assert.equal(tried.metadata?.labels?.['step'], type)
    await expectUnchanged(life, 'a dry run')
    const object = changed(life, await patchOf(life, type, `${life.path}${queryOf(type)}`, body))
    assert.deepEqual(content(object), content(patched(before, { metadata: { labels: { step: type } } })))
    assert.deepEqual([object.metadata?.uid, object.metadata?.generation], [uid, generation])
    const again = await patchOf(life, type, `${life.path}${queryOf(type)}`, body)
    assert.deepEqual(expectObject(again), object, 'the same patch again')
    await expectUnchanged(life, 'the same patch again')
  },
})

export const patchSteps: readonly Step[] = [
  ...(['json', 'merge', 'strategic', 'apply'] as const).map(patchStep),
  {
    name: 'patches of what is not there are refused, but for an apply',
    run: async (life) => {
      for (const type of ['json', 'merge', 'strategic'] as const) {
        const answer = await patchOf(life, type, `${life.collection}/missing`, labelPatch(life, type, 'missing'))
        expectFailure(answer, notFound(life.row, 'missing'))
      }
      if (life.row.rules.second !== undefined) return
      const body = secondOf(life, 'applied')
      const path = `${life.collection}/applied`
      const created = await patchOf(life, 'apply', `${path}${queryOf('apply', true)}`, body)
      assert.equal(expectObject(created, 201).metadata?.name, 'applied')
      expectFailure(await send(life, 'GET', path), notFound(life.row, 'applied'))
    },
  },
  {
    name: 'a patch with a stale resourceVersion is refused',
    run: async (life) => {
      const body = { metadata: { resourceVersion: '1', labels: { step: 'stale' } } }
      const { code, status } = await patchOf(life, 'merge', life.path, body)
      assert.deepEqual([code, status.reason], [409, 'Conflict'])
      await expectUnchanged(life, 'a stale patch')
    },
  },
]
