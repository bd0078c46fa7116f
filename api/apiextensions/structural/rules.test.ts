/** x-kubernetes-validations, by the examples of https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/ */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { checkRules, compileRules } from './rules.ts'
import { type JsonSchema, structuralOf } from './structural.ts'

const integer = { type: 'integer' }
const string = { type: 'string' }

const specOf = (spec: object): JsonSchema => ({ type: 'object', properties: { spec } }) as unknown as JsonSchema
const withRules = (spec: object, ...rules: readonly (string | object)[]): JsonSchema =>
  specOf({
    type: 'object',
    ...spec,
    'x-kubernetes-validations': rules.map((rule) => (typeof rule === 'string' ? { rule } : rule)),
  })
const said = (schema: JsonSchema, spec: unknown, old?: unknown): string[] =>
  (compileRules(structuralOf(schema)) ?? assert.fail('no rules'))(
    { spec },
    old === undefined ? undefined : { spec: old },
  ).errors.map(({ field, detail }) => `${field}: ${detail}`)
const compiled = (schema: JsonSchema): string[] =>
  checkRules(schema, 'schema').errors.map(({ field, detail }) => `${field}: ${detail.split('\n')[0]}`)

describe('rules of custom resources', () => {
  const replicas = { properties: { minReplicas: integer, replicas: integer, maxReplicas: integer } }

  it('hold, or say what fails', () => {
    const schema = withRules(
      replicas,
      'self.minReplicas <= self.replicas',
      {
        rule: 'self.replicas <= self.maxReplicas',
        message: 'replicas should be smaller than or equal to maxReplicas.',
      },
      {
        rule: 'self.maxReplicas < 100',
        messageExpression: '"at most 99, not " + string(self.maxReplicas)',
        reason: 'FieldValueForbidden',
        fieldPath: '.maxReplicas',
      },
    )
    assert.deepEqual(said(schema, { minReplicas: 1, replicas: 2, maxReplicas: 3 }), [])
    assert.deepEqual(said(schema, { minReplicas: 5, replicas: 4, maxReplicas: 3 }), [
      'spec: Invalid value: "object": failed rule: self.minReplicas <= self.replicas',
      'spec: Invalid value: "object": replicas should be smaller than or equal to maxReplicas.',
    ])
    assert.deepEqual(said(schema, { minReplicas: 1, replicas: 4, maxReplicas: 500 }), [
      'spec.maxReplicas: Forbidden: at most 99, not 500',
    ])
    assert.deepEqual(said(schema, { replicas: 1, maxReplicas: 2 }), [
      'spec: Invalid value: "object": no such key: minReplicas evaluating rule: failed rule: self.minReplicas <= self.replicas',
    ])
  })

  it('read a long list at every step of a loop without making it anew', () => {
    const properties = { list: { type: 'array', items: string } }
    const schema = withRules({ properties }, 'self.list.all(x, self.list.size() > 0)')
    const before = process.cpuUsage()
    const list = Array.from({ length: 50_000 }, (_, index) => `x${index}`)
    assert.deepEqual(said(schema, { list }), [])
    assert.ok(process.cpuUsage(before).user < 1_500_000)
  })

  it('know the types of their schema', () => {
    const properties = {
      number: { type: 'number' },
      when: { type: 'string', format: 'date-time' },
      wait: { type: 'string', format: 'duration' },
      port: { 'x-kubernetes-int-or-string': true },
      'with-dash': string,
      namespace: string,
      labels: { type: 'object', additionalProperties: string },
      list: { type: 'array', items: { type: 'object', properties: { n: integer } } },
      any: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    }
    const schema = withRules(
      { properties },
      'self.number < 2.5 && self.when < timestamp("2030-01-01T00:00:00Z") && self.wait < duration("1h")',
      '(type(self.port) == int ? self.port > 0 : self.port.endsWith("%"))',
      'self.with__dash__dash == "x" && self.__namespace__ == "y"',
      'self.labels.all(k, self.labels[k].size() < 3) && self.list.map(i, i.n).sum() == 3',
      '!has(self.labels.missing) && self.list.exists(i, i.n == 2)',
    )
    assert.deepEqual(compiled(schema), [])
    // Unknown fields are kept, but not for expressions.
    assert.deepEqual(compiled(withRules({ properties }, 'self.any.deep == 1')), [
      'schema.properties[spec].x-kubernetes-validations[0].rule: Invalid value: "self.any.deep == 1": compilation failed: ERROR: <input>:1:9: undefined field \'deep\'',
    ])
    assert.deepEqual(
      said(schema, {
        number: 2,
        when: '2029-01-01T00:00:00Z',
        wait: '30m',
        port: '50%',
        'with-dash': 'x',
        namespace: 'y',
        labels: { a: 'b' },
        list: [{ n: 1 }, { n: 2 }],
        any: { deep: { thing: 1 } },
      }),
      [],
    )
  })

  it('that do not compile are told of', () => {
    assert.deepEqual(compiled(withRules(replicas, 'self.nothing > 1', 'self.replicas', '', 'self.replicas == "x"')), [
      'schema.properties[spec].x-kubernetes-validations[0].rule: Invalid value: "self.nothing > 1": compilation failed: ERROR: <input>:1:5: undefined field \'nothing\'',
      'schema.properties[spec].x-kubernetes-validations[1].rule: Invalid value: "self.replicas": must evaluate to bool',
      'schema.properties[spec].x-kubernetes-validations[2].rule: Required value: rule is not specified',
      'schema.properties[spec].x-kubernetes-validations[3].rule: Invalid value: "self.replicas == \\"x\\"": compilation failed: ERROR: <input>:1:15: found no matching overload for \'_==_\' applied to \'(int, string)\'',
    ])
  })

  it('of transitions compare with what was before', () => {
    const schema = withRules(replicas, { rule: 'self.replicas >= oldSelf.replicas', message: 'only up' })
    assert.deepEqual(said(schema, { replicas: 1 }), [])
    assert.deepEqual(said(schema, { replicas: 1 }, { replicas: 2 }), ['spec: Invalid value: "object": only up'])
    const optional = withRules(replicas, {
      rule: 'oldSelf.hasValue() ? self.replicas == oldSelf.value().replicas : self.replicas == 1',
      optionalOldSelf: true,
    })
    assert.deepEqual([said(optional, { replicas: 1 }).length, said(optional, { replicas: 2 }).length], [0, 1])
    assert.deepEqual(said(optional, { replicas: 2 }, { replicas: 2 }), [])
  })

  it('of list elements find their old selves by key', () => {
    const item = {
      type: 'object',
      properties: { name: string, size: integer },
      'x-kubernetes-validations': [{ rule: 'self.size >= oldSelf.size', message: 'may not shrink' }],
    }
    const list = (type: string) =>
      specOf({ type: 'array', items: item, 'x-kubernetes-list-type': type, 'x-kubernetes-list-map-keys': ['name'] })
    const before = [
      { name: 'a', size: 2 },
      { name: 'b', size: 2 },
    ]
    const after = [
      { name: 'b', size: 1 },
      { name: 'a', size: 3 },
      { name: 'c', size: 0 },
    ]
    assert.deepEqual(said(list('map'), after, before), ['spec[0]: Invalid value: "object": may not shrink'])
    assert.deepEqual(said(list('atomic'), after, before), [])
  })

  it('stop at what they may cost', () => {
    const schema = withRules(
      { properties: { list: { type: 'array', items: integer } } },
      'self.list.all(a, self.list.all(b, self.list.all(c, a + b + c >= 0)))',
    )
    const [message] = said(schema, { list: Array.from({ length: 200 }, (_, index) => index) })
    assert.match(message ?? '', /call cost exceeds limit for rule/)
  })

  it('that an update does not touch may go on failing, but for those that compare', () => {
    const item = { type: 'object', properties: { name: string, n: integer } }
    const listed = {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      items: { ...item, 'x-kubernetes-validations': [{ rule: 'self.n < 5', message: 'too many' }] },
    }
    const schema = withRules(
      { properties: { a: item, listed } },
      {
        rule: 'self.a.n < 5 || oldSelf.a.n < 5',
        message: 'compares',
      },
    )
    const old = {
      a: { n: 9 },
      listed: [
        { name: 'x', n: 9 },
        { name: 'y', n: 1 },
      ],
    }
    const wrong = 'spec.listed[1]: Invalid value: "object": too many'
    assert.deepEqual(said(schema, { ...old, a: { n: 1 } }, old), [])
    assert.deepEqual(
      said(
        schema,
        {
          a: { n: 1 },
          listed: [
            { name: 'z', n: 1 },
            { name: 'x', n: 8 },
          ],
        },
        old,
      ),
      [wrong],
    )
    assert.deepEqual(
      said(
        schema,
        {
          a: { n: 1 },
          listed: [
            { name: 'z', n: 1 },
            { name: 'x', n: 9 },
          ],
        },
        old,
      ),
      [],
    )
    assert.deepEqual(said(schema, old, old), ['spec: Invalid value: "object": compares'])
  })

  it('need a message in a line, a reason and a path that there are, and values that can be compared', () => {
    const properties = {
      a: { type: 'object', properties: { 'b-c': string } },
      m: { type: 'object', additionalProperties: string },
    }
    const of = (...rules: object[]) => compiled(withRules({ properties }, ...rules))
    const at = 'schema.properties[spec].x-kubernetes-validations[0]'
    const good = { rule: 'true', fieldPath: ".a['b-c']", reason: 'FieldValueInvalid', message: 'm' }
    assert.deepEqual(of(good, { ...good, fieldPath: '.m.any' }), [])
    const cases: readonly (readonly [object, string])[] = [
      [{ message: ' ' }, 'message: Invalid value: " ": message must be non-empty if specified'],
      [{ message: 'a\nb' }, 'message: Invalid value: "a\\nb": message must not contain line breaks'],
      [
        { rule: 'true\n&& true', message: '' },
        'message: Required value: message must be specified if rule contains line breaks',
      ],
      [
        { messageExpression: ' ' },
        'messageExpression: Required value: messageExpression must be non-empty if specified',
      ],
      [{ fieldPath: '.a.missing' }, 'fieldPath: Invalid value: ".a.missing": fieldPath must be a valid path'],
      [{ fieldPath: 'a' }, 'fieldPath: Invalid value: "a": fieldPath must be a valid path'],
      [
        { optionalOldSelf: true },
        'optionalOldSelf: Invalid value: true: may not be set if oldSelf is not used in rule',
      ],
      [
        { reason: 'Nonsense' },
        'reason: Unsupported value: "Nonsense": supported values: "FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"',
      ],
    ]
    for (const [change, error] of cases) assert.deepEqual(of({ ...good, ...change }), [`${at}.${error}`])

    const inList = (more: object) => {
      const items = {
        type: 'object',
        properties: { name: string, n: { ...integer, 'x-kubernetes-validations': [{ rule: 'self >= oldSelf' }] } },
      }
      return compiled(specOf({ type: 'array', items, ...more }))
    }
    const map = { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] }
    assert.deepEqual(inList(map), [])
    assert.deepEqual(inList({}), [
      'schema.properties[spec].items.properties[n].x-kubernetes-validations[0].rule: Invalid value: "self >= oldSelf": oldSelf cannot be used on the uncorrelatable portion of the schema within schema.properties[spec].items',
    ])
  })
})
