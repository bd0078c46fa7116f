import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { jsonText } from './encode.ts'
import { JsonSyntaxError, parseJson } from './json.ts'
import { parseYaml } from './yaml.ts'

const roundTrip = (text: string): string => jsonText(parseJson(text).value)

describe('parseJson', () => {
  for (const text of [
    '{"n":9223372036854775807}',
    '{"n":-9223372036854775808}',
    '{"n":9007199254740993,"m":1}',
    '[1,0.5,1e+21,true,null,"a\\n\\u2028\\u003c\\u0026\\u003e"]',
    '{"__proto__":{"x":1},"constructor":2}',
  ]) {
    it(`keeps ${text}`, () => assert.equal(roundTrip(text), text))
  }

  it('takes halves of surrogate pairs for no characters, and pairs for one', () => {
    const { value } = parseJson('{"a":"\\ud800x\\uDE00","b":"\\ud83d\\ude00","c":"\\\\ud800"}')
    assert.deepEqual(value, { a: '\ufffdx\ufffd', b: '😀', c: '\\ud800' })
  })

  it('keeps an exact integer beside a name like __proto__', () => {
    const { value } = parseJson('{"__proto__":{"a":1},"n":9007199254740993}')
    assert.equal(Object.getPrototypeOf(value), Object.prototype)
    assert.equal(({} as Record<string, unknown>).a, undefined)
  })

  it('tells fields that are given twice, with their paths', () => {
    const text = '{"a":1,"b":[{"c":1,"c":2}],"a":{"d":":"}}'
    assert.deepEqual(parseJson(text).duplicates, ['duplicate field "b[0].c"', 'duplicate field "a"'])
    assert.deepEqual(parseJson(text, { strict: false }).duplicates, [])
    assert.deepEqual(parseJson(text).value, { a: { d: ':' }, b: [{ c: 2 }] })
  })

  const bad: readonly (readonly [string, string])[] = [
    ['', 'unexpected end of JSON input'],
    ['{', 'unexpected end of JSON input'],
    ['{"a":', 'unexpected end of JSON input'],
    ['{a:1}', "invalid character 'a' looking for beginning of object key string"],
    ['{"a":1,}', "invalid character '}' looking for beginning of object key string"],
    ['{"a" 1}', "invalid character '1' after object key"],
    ['{"a":1 "b"}', `invalid character '"' after object key:value pair`],
    ['[1 2]', "invalid character '2' after array element"],
    ['nul1', "invalid character '1' in literal null (expecting 'l')"],
    ['{} x', "invalid character 'x' after top-level value"],
    ['kind: Pod', "invalid character 'k' looking for beginning of value"],
  ]
  for (const [text, message] of bad) {
    it(`refuses ${JSON.stringify(text)} in Go's words`, () =>
      assert.throws(
        () => parseJson(text),
        (error: unknown) => error instanceof JsonSyntaxError && error.message === message,
      ))
  }

  it('refuses what is nested too deep', () => {
    assert.throws(() => parseJson('['.repeat(100_000) + ']'.repeat(100_000)), /exceeded max depth/)
  })
})

describe('parseYaml', () => {
  it('reads YAML 1.1 with exact integers and no dates', () => {
    const { value } = parseYaml('a: 9007199254740993\nb: yes\nc: 2020-01-01\nd: 0644\ne: ~\nf: "1"\n1: x\n')
    assert.deepEqual(value, { 1: 'x', a: 9007199254740993n, b: true, c: '2020-01-01', d: 420, e: null, f: '1' })
  })

  it('tells keys that are set twice by line', () => {
    const text = 'a: 1\nb:\n  foo: 1\n  c: [{x: 1}]\n  foo: 2\na: 3\n'
    const { value, duplicates } = parseYaml(text)
    assert.deepEqual(value, { a: 3, b: { foo: 2, c: [{ x: 1 }] } })
    assert.deepEqual(duplicates, [
      'yaml: unmarshal errors:\n  line 5: key "foo" already set in map\n  line 6: key "a" already set in map',
    ])
  })

  it('is not moved by __proto__', () => {
    const { value } = parseYaml('__proto__:\n  polluted: 1\n')
    assert.equal((value as Record<string, unknown>).polluted, undefined)
    assert.ok(Object.hasOwn(value as object, '__proto__'))
  })

  it('refuses syntax errors, cycles and aliases that multiply', () => {
    assert.throws(() => parseYaml('a: [1'), /^StatusError: error converting YAML to JSON: yaml: line \d+: /)
    assert.throws(() => parseYaml('a: &x\n  b: *x\n'), /yaml/)
    const bomb = Array.from({ length: 9 }, (_, i) =>
      i === 0
        ? 'a0: &a0 [x,x,x,x,x,x,x,x,x]'
        : `a${i}: &a${i} [${Array(9)
            .fill(`*a${i - 1}`)
            .join(',')}]`,
    ).join('\n')
    assert.throws(() => parseYaml(bomb), /excessive aliasing/)
  })
})
