import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { StatusError } from '../meta/status-error.ts'
import { applyJsonPatch, jsonPatchProblems } from './json-patch.ts'
import { applyMergePatch } from './merge-patch.ts'

const codeOf = (run: () => unknown): number => {
  try {
    run()
  } catch (error) {
    assert.ok(error instanceof StatusError)
    return error.code
  }
  return 0
}

describe('merge patch', () => {
  // Appendix A of RFC 7396, as far as both sides are objects.
  const cases: readonly (readonly [object, object, object])[] = [
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ]
  for (const [original, patch, expected] of cases) {
    it(`${JSON.stringify(original)} + ${JSON.stringify(patch)}`, () =>
      assert.deepEqual(applyMergePatch(original, patch), expected))
  }
  it('keeps __proto__ a field', () => {
    const patched = applyMergePatch({}, JSON.parse('{"__proto__":{"evil":1},"a":{"__proto__":{"evil":1}}}'))
    assert.equal(patched.evil, undefined)
    assert.equal((patched.a as { evil?: unknown }).evil, undefined)
    assert.ok(Object.hasOwn(patched, '__proto__'))
  })
  it('refuses what is no object', () =>
    assert.equal(
      codeOf(() => applyMergePatch({}, [])),
      400,
    ))
})

describe('json patch', () => {
  const cases: readonly (readonly [string, object, object[], object])[] = [
    ['adds a member', { a: 1 }, [{ op: 'add', path: '/b', value: 2 }], { a: 1, b: 2 }],
    ['adds to an array', { a: [1, 3] }, [{ op: 'add', path: '/a/1', value: 2 }], { a: [1, 2, 3] }],
    ['appends', { a: [1] }, [{ op: 'add', path: '/a/-', value: 2 }], { a: [1, 2] }],
    [
      'removes',
      { a: [1, 2], b: 1 },
      [
        { op: 'remove', path: '/a/0' },
        { op: 'remove', path: '/b' },
      ],
      { a: [2] },
    ],
    ['replaces', { a: { b: 1 } }, [{ op: 'replace', path: '/a/b', value: { c: 1 } }], { a: { b: { c: 1 } } }],
    ['moves', { a: { b: 1 }, c: {} }, [{ op: 'move', from: '/a/b', path: '/c/d' }], { a: {}, c: { d: 1 } }],
    [
      'copies',
      { a: { b: 1 } },
      [
        { op: 'copy', from: '/a', path: '/c' },
        { op: 'replace', path: '/c/b', value: 2 },
      ],
      { a: { b: 1 }, c: { b: 2 } },
    ],
    [
      'unescapes',
      { 'a/b': 1, 'm~n': 2 },
      [
        { op: 'remove', path: '/a~1b' },
        { op: 'test', path: '/m~0n', value: 2 },
      ],
      { 'm~n': 2 },
    ],
    [
      'tests deeply',
      { a: { b: [1, { c: null }] } },
      [{ op: 'test', path: '/a', value: { b: [1, { c: null }] } }],
      { a: { b: [1, { c: null }] } },
    ],
    ['tests absence as null', {}, [{ op: 'test', path: '/a', value: null }], {}],
    ['replaces the document', { a: 1 }, [{ op: 'replace', path: '', value: { b: 1 } }], { b: 1 }],
  ]
  for (const [name, original, patch, expected] of cases) {
    it(name, () => {
      const before = JSON.stringify(original)
      assert.deepEqual(applyJsonPatch(original, patch), expected)
      assert.equal(JSON.stringify(original), before)
    })
  }
  const failing: readonly (readonly [string, object, unknown, number])[] = [
    ['a test that fails', { a: 1 }, [{ op: 'test', path: '/a', value: 2 }], 422],
    ['a missing path', {}, [{ op: 'remove', path: '/a' }], 422],
    ['a missing parent', {}, [{ op: 'add', path: '/a/b', value: 1 }], 422],
    ['an index out of range', { a: [] }, [{ op: 'add', path: '/a/1', value: 1 }], 422],
    ['an unknown operation', {}, [{ op: 'spam', path: '/a' }], 422],
    ['an operation without value', {}, [{ op: 'add', path: '/a' }], 422],
    ['an inherited name', {}, [{ op: 'add', path: '/constructor/prototype/evil', value: 1 }], 422],
    ['an object', {}, { op: 'add' }, 400],
    ['too many operations', {}, Array.from({ length: 10_001 }, () => ({ op: 'test', path: '/a', value: null })), 413],
  ]
  for (const [name, original, patch, code] of failing) {
    it(`refuses ${name} with ${code}`, () =>
      assert.equal(
        codeOf(() => applyJsonPatch(original, patch)),
        code,
      ))
  }
  it('bounds what copies add', () => {
    const doubling = Array.from({ length: 40 }, () => ({ op: 'copy', from: '/a', path: '/a/-' }))
    assert.equal(
      codeOf(() => applyJsonPatch({ a: ['x'.repeat(1000)] }, doubling)),
      422,
    )
  })
  it('sets __proto__ as a plain field', () => {
    const patched = applyJsonPatch({}, [{ op: 'add', path: '/__proto__', value: { evil: 1 } }])
    assert.equal(patched.evil, undefined)
    assert.equal(({} as { evil?: unknown }).evil, undefined)
  })
  it('tells unknown fields of operations', () => {
    assert.deepEqual(jsonPatchProblems([{ op: 'add', path: '/a', value: 1, foo: 2 }]), [
      'json patch unknown field "[0].foo"',
    ])
  })
})
