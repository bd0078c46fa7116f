/** Expressions that would fill the memory or take for ever though they cost little. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fromJson } from './json-values.ts'
import { kubernetesEnvironment } from './library/kubernetes.ts'
import { compile } from './program.ts'
import { dyn } from './types.ts'
import { CelCostError } from './values.ts'

const environment = kubernetesEnvironment({ object: dyn })
const object = { text: 'a'.repeat(1_000_000), list: Array.from({ length: 100_000 }, (_, index) => `x${index}`) }
const value = fromJson(object)
const evaluate = (expression: string) =>
  compile(expression, environment).evaluate((name) => (name === 'object' ? value : undefined), 1_000_000)

describe('an expression', () => {
  for (const expression of [
    "object.text.replace('a', object.text)",
    "object.text.replace('', object.text)",
    'object.list.map(x, object.text).join(object.text)',
    'object.list.map(x, object.list + object.list)',
    `'${'%s'.repeat(1000)}'.format(object.list.map(x, object.text))`,
    // What is cheap in Go, where it is no copy.
    'object.list.all(x, object.text.size() > 0)',
    "object.list.all(x, object.text.charAt(0) == 'a')",
    'object.list.all(x, object.list.exists(y, y == x))',
  ]) {
    it(`${expression.slice(0, 60)} is stopped`, () => {
      const before = process.memoryUsage().rss
      assert.throws(() => evaluate(expression), CelCostError)
      assert.ok(process.memoryUsage().rss - before < 600_000_000)
    })
  }

  it('reads a list of the object once', () => {
    assert.equal(evaluate('object.list.map(x, object.list).size()').value, 100_000n)
  })
})
