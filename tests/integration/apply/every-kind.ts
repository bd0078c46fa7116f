/** Every kind that the server stores, applied on the server. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { loadAll } from 'js-yaml'
import type { KubeObject } from '../../../api/types.ts'
import type { TestCluster } from '../../harness/cluster.ts'

const manifest = join(import.meta.dirname, '../kubectl/every-kind.yaml')

/** Configurations of nothing but a name: there is nothing in them to own. */
const nameOnly = (): Set<string> =>
  new Set(
    loadAll(readFileSync(manifest, 'utf8'))
      .map((document) => document as KubeObject)
      .filter(
        ({ metadata, ...rest }) =>
          Object.keys(rest).length === 2 && Object.keys(metadata ?? {}).every((name) => /^name(space)?$/.test(name)),
      )
      .map(({ kind, metadata }) => `${kind} ${metadata?.name}`),
  )

export const describeEveryKindApplied = (cluster: () => TestCluster): void => {
  describe('every kind', () => {
    it('is created by an apply on the server, and left alone by the next one', async () => {
      const { kubectl } = cluster()
      const ownsNothing = nameOnly()
      const apply = ['apply', '--server-side', '--field-manager=every', '-f', manifest]
      const owned = async (): Promise<unknown[]> => {
        const list = await kubectl.json<{ items: KubeObject[] }>('get', '-f', manifest, '--show-managed-fields')
        return list.items.map(({ kind, metadata }) => {
          const entry = metadata?.managedFields?.find(({ manager }) => manager === 'every')
          const wanted = ownsNothing.has(`${kind} ${metadata?.name}`) ? undefined : 'Apply'
          assert.equal(entry?.operation, wanted, `owner of ${kind} ${metadata?.name}`)
          return [kind, metadata?.name, metadata?.uid, entry]
        })
      }
      const said = (await kubectl(...apply)).trim().split('\n')
      for (const line of said) assert.match(line, / serverside-applied$/)
      const first = await owned()
      assert.equal(first.length, said.length)
      await kubectl(...apply)
      assert.deepEqual(await owned(), first)
    })
  })
}
