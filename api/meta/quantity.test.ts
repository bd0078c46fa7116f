import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  addQuantities,
  compareQuantities,
  formatQuantity,
  milliValue,
  parseQuantity,
  quantityToNumber,
  quantityValue,
  subQuantities,
} from './quantity.ts'

describe('quantity', () => {
  const canonical: readonly (readonly [string | number, string])[] = [
    ['1.5Gi', '1536Mi'],
    ['0.5', '500m'],
    ['1000m', '1'],
    ['1e3', '1e3'],
    ['1E3', '1e3'],
    ['12e6', '12e6'],
    ['1000', '1k'],
    ['1024', '1024'],
    ['1024Ki', '1Mi'],
    ['100', '100'],
    ['0', '0'],
    ['0Ki', '0'],
    ['-0', '0'],
    ['-1.5', '-1500m'],
    ['+5', '5'],
    ['.5Mi', '512Ki'],
    ['1.', '1'],
    ['0.1Ki', '102400m'],
    ['1000Ki', '1000Ki'],
    ['100Ki', '100Ki'],
    ['0.5Mi', '512Ki'],
    ['1n', '1n'],
    ['0.1n', '1n'],
    ['1000000n', '1m'],
    ['9223372036854775807', '9223372036854775807'],
    ['9223372036854775808', '9223372036854775807'],
    ['8Ei', '9223372036854775807'],
    ['100E', '100E'],
    ['1Ei', '1Ei'],
    [2, '2'],
    [0.25, '250m'],
    ['1e2', '100'],
    ['1e-3', '1e-3'],
    ['512', '512'],
    ['0.001', '1m'],
  ]
  for (const [input, output] of canonical) {
    it(`writes ${input} as ${output}`, () => assert.equal(formatQuantity(parseQuantity(input)), output))
  }

  const pattern = /^quantities must match the regular expression/
  const bad: readonly (readonly [string, RegExp])[] = [
    ['', pattern],
    ['aoeu', pattern],
    ['1 ', pattern],
    [' 1', pattern],
    ['5 Mi', pattern],
    ['1.1.M', pattern],
    ['1+1.0M', pattern],
    ['0.1mi', /unable to parse quantity's suffix/],
    ['1i', /unable to parse quantity's suffix/],
    ['-3.01e-', /unable to parse quantity's suffix/],
    ['1K', /unable to parse quantity's suffix/],
  ]
  for (const [input, message] of bad) {
    it(`refuses ${JSON.stringify(input)}`, () =>
      assert.throws(
        () => parseQuantity(input),
        (error: unknown) => error instanceof RangeError && message.test(error.message),
      ))
  }

  it('adds and subtracts exactly', () => {
    const sum = addQuantities(parseQuantity('100m'), parseQuantity('0.2'))
    assert.equal(formatQuantity(sum), '300m')
    assert.equal(formatQuantity(subQuantities(parseQuantity('1Gi'), parseQuantity('1Mi'))), '1023Mi')
    assert.equal(formatQuantity(addQuantities(parseQuantity('0'), parseQuantity('1Gi'))), '1Gi')
    assert.ok(compareQuantities(parseQuantity('1k'), parseQuantity('1Ki')) < 0)
  })

  it('rounds whole and milli values up', () => {
    assert.equal(quantityValue('1001m'), 2)
    assert.equal(milliValue('1.5'), 1500)
    assert.equal(milliValue('100u'), 1)
    assert.equal(quantityValue('-1500m'), -2)
    assert.equal(quantityToNumber('250m'), 0.25)
  })
})
