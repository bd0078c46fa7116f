import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { readManifests } from './manifests.ts'

const definition = (name: string, group = 'example.com'): string =>
  `kind: CustomResourceDefinition\nmetadata: {name: ${name}}\nspec: {group: ${group}}\n`

describe('manifests', () => {
  let folder = ''
  const names = (...paths: Parameters<typeof readManifests>[0]): (string | undefined)[] =>
    readManifests(paths, ['CustomResourceDefinition']).map(({ metadata }) => metadata?.name)

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'kubets-manifests-'))
    writeFileSync(join(folder, 'b.yaml'), `${definition('b1')}---\nkind: Service\n---\n---\n${definition('b2')}`)
    writeFileSync(join(folder, 'a.json'), JSON.stringify({ kind: 'CustomResourceDefinition', metadata: { name: 'a' } }))
    writeFileSync(join(folder, 'kustomizeconfig.txt'), 'not: [yaml')
    mkdirSync(join(folder, 'bases'))
    writeFileSync(join(folder, 'bases', 'c.yaml'), definition('c'))
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  it('reads all documents of the files of a folder, and only the kinds that are asked for', () => {
    assert.deepEqual(names(folder), ['a', 'b1', 'b2'])
  })

  it('takes files and objects, and of two with one name the last', () => {
    const again = { kind: 'CustomResourceDefinition', metadata: { name: 'b1' }, spec: { group: 'other' } }
    const found = readManifests([join(folder, 'b.yaml'), again], ['CustomResourceDefinition'])
    assert.deepEqual(
      found.map(({ metadata }) => metadata?.name),
      ['b2', 'b1'],
    )
    assert.deepEqual((found[1] as { spec?: unknown }).spec, { group: 'other' })
    assert.notEqual(found[1], again, 'the author keeps an object of his own')
  })

  it('names a path that is not there, and a file that cannot be read', () => {
    assert.throws(() => names(join(folder, 'missing')), /missing/)
    assert.throws(() => names(join(folder, 'kustomizeconfig.txt')), /kustomizeconfig\.txt: /)
  })
})
