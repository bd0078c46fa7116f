import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { parseYaml } from '../../api/codec/yaml.ts'
import { naturalOrder, yamlText } from './yaml-text.ts'

describe('an answer in YAML', () => {
  it('has keys in natural order, lists at the indentation of their key, and the quotes that it needs', async () => {
    const value = {
      spec: { rules: [{ verbs: ['*'], apiGroups: [''] }], f10: true, f9: null, empty: {}, none: [] },
      apiVersion: 'v1',
      metadata: {
        resourceVersion: '151',
        creationTimestamp: '2026-01-01T00:00:00Z',
        annotations: { _x: 'yes', Z: 'a: b', a: 'l1\nl2\n', ip: '10.0.0.1' },
        generation: 2n ** 60n,
      },
    }
    assert.equal(
      await yamlText(value),
      `apiVersion: v1
metadata:
  annotations:
    _x: "yes"
    Z: 'a: b'
    a: |
      l1
      l2
    ip: 10.0.0.1
  creationTimestamp: "2026-01-01T00:00:00Z"
  generation: 1152921504606846976
  resourceVersion: "151"
spec:
  empty: {}
  f9: null
  f10: true
  none: []
  rules:
  - apiGroups:
    - ""
    verbs:
    - '*'
`,
    )
  })

  it('is read as what it was', async () => {
    const texts = [
      '',
      ' a',
      'a ',
      '-',
      '- a',
      '#',
      'a #b',
      '0x1f',
      '1e3',
      '08',
      '1:30',
      '~',
      'off',
      '=',
      '<<',
      '\t',
      '\u2028',
      '"',
      "'",
      '|',
    ]
    assert.deepEqual(parseYaml(await yamlText({ texts })).value, { texts })
  })

  it('orders numbers in keys by their value', () => {
    const keys = ['a1', 'a01', 'a', 'a10', 'a9', 'b', 'a-1', '10', '9', 'a100', 'a20']
    assert.deepEqual(keys.sort(naturalOrder), ['9', '10', 'a', 'a-1', 'a1', 'a01', 'a9', 'a10', 'a20', 'a100', 'b'])
  })

  it('is what kubernetes/api has in testdata/HEAD', {
    skip: process.env['KUBETS_API_TESTDATA'] === undefined,
  }, async () => {
    const directory = process.env['KUBETS_API_TESTDATA'] ?? ''
    const files = globSync('*.json', { cwd: directory })
    assert.ok(files.length > 0)
    for (const file of files) {
      const value = JSON.parse(readFileSync(`${directory}/${file}`, 'utf8')) as object
      assert.equal(await yamlText(value), readFileSync(`${directory}/${file.replace('.json', '.yaml')}`, 'utf8'), file)
    }
  })
})
