import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { backendPath } from './backend-path.ts'

describe('the path for a backend', () => {
  const cases: [string, string][] = [
    ['', '/'],
    ['/', '/'],
    ['/a/b', '/a/b'],
    ['/a/b/', '/a/b/'],
    ['/a//b', '/a/b'],
    ['//', '/'],
    ['/a/./b/../c', '/a/c'],
    ['/../../etc', '/etc'],
    ['/a/..', '/'],
    ['/a%2Fb', '/a/b'],
    ['/%41', '/A'],
    ['/a%20b', '/a%20b'],
    ['/100%25', '/100%25'],
    ['/%3Fx', '/%3Fx'],
    ["/a'(b)!*", '/a%27%28b%29%21%2A'],
    ['/k=v;p,q:r@s&t+u$', '/k=v;p,q:r@s&t+u$'],
    ['/%C3%A9', '/%C3%A9'],
    ['/%ff', '/%FF'],
  ]
  for (const [subpath, expected] of cases) {
    it(`is ${expected} for ${subpath === '' ? 'none' : subpath}`, () => assert.equal(backendPath(subpath), expected))
  }
})
