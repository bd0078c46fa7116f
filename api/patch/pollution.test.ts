/**
 * Prototype pollution, which is this language's alone: whatever names are in objects, patches, YAML and expressions,
 * they are fields of these objects and nothing of the process changes.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { applyDefaults } from '../apiextensions/structural/defaulting.ts'
import { prune } from '../apiextensions/structural/prune.ts'
import { structuralOf } from '../apiextensions/structural/structural.ts'
import { fromJson } from '../cel/json-values.ts'
import { kubernetesEnvironment } from '../cel/library/kubernetes.ts'
import { compile } from '../cel/program.ts'
import { toJson } from '../cel/to-json.ts'
import { dyn } from '../cel/types.ts'
import { parseJson } from '../codec/json.ts'
import { parseYaml } from '../codec/yaml.ts'
import { schemaFor } from '../schema/schema.ts'
import type { KubeObject } from '../types.ts'
import { applyConfiguration } from './apply/apply.ts'
import { ignoring } from './apply/ownership.ts'
import { applyJsonPatch } from './json-patch.ts'
import { applyMergePatch } from './merge-patch.ts'
import { applyStrategicMergePatch } from './strategic-merge-patch.ts'

const schema = schemaFor('', 'v1', 'Pod')
assert.ok(schema)
const prototypes: readonly object[] = [Object, Array, Function, String, Number, Boolean, Map, Set, RegExp, Promise].map(
  ({ prototype }) => prototype as object,
)
const snapshot = (): string =>
  prototypes.map((one) => Reflect.ownKeys(one).map(String).join() + String(Object.getPrototypeOf(one) === null)).join()
const clean = snapshot()

/** Nothing is left behind, also where the input is refused. */
const harmless = (...attempts: readonly (() => unknown)[]): void => {
  for (const attempt of attempts) {
    try {
      attempt()
    } catch {
      // What is refused has changed nothing.
    }
    assert.equal(snapshot(), clean, String(attempt))
    assert.equal(({} as Record<string, unknown>)['polluted'], undefined)
  }
}

const evil = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '__defineGetter__', 'polluted']
const usual = ['metadata', 'labels', 'annotations', 'spec', 'containers', 'name', 'data', 'volumes']
const name = fc.constantFrom(...evil, ...evil, ...usual)
const { json } = fc.letrec((tie) => ({
  json: fc.oneof(
    { maxDepth: 5 },
    fc.constantFrom('polluted', 1, true, null),
    fc.array(tie('json'), { maxLength: 2 }),
    fc
      .array(fc.tuple(name, tie('json')), { maxLength: 3 })
      // fromEntries defines what an assignment would take for the prototype.
      .map((entries) => Object.fromEntries(entries)),
  ),
}))
const object = fc.array(fc.tuple(name, json), { maxLength: 4 }).map((entries) => Object.fromEntries(entries))
const pointer = fc.array(name, { maxLength: 4 }).map((names) => names.map((one) => `/${one}`).join(''))
const operation = fc.record({
  op: fc.constantFrom('add', 'replace', 'remove', 'move', 'copy', 'test'),
  path: pointer,
  from: pointer,
  value: json,
})

const apply = (live: object | undefined, applied: object): unknown => {
  const named = (of: object): KubeObject => ({ apiVersion: 'v1', kind: 'Pod', ...of }) as KubeObject
  return applyConfiguration({
    schema,
    gvk: { group: '', version: 'v1', kind: 'Pod' },
    live: live === undefined ? undefined : named(live),
    applied: named(applied),
    manager: 'm',
    force: true,
    time: '2026-01-01T00:00:00Z',
    apiVersion: 'v1',
    subresource: '',
    versionOf: () => ({ schema, ignored: ignoring([]) }),
  })
}

describe('nothing pollutes a prototype', () => {
  it('by a JSON Patch', () => {
    fc.assert(
      fc.property(object, fc.array(operation, { maxLength: 6 }), (live, patch) =>
        harmless(() => applyJsonPatch(live, patch)),
      ),
      { numRuns: 1000 },
    )
    const paths = ['/__proto__/polluted', '/constructor/prototype/polluted', '/metadata/__proto__/polluted']
    for (const path of paths) {
      for (const op of ['add', 'replace']) harmless(() => applyJsonPatch({ metadata: {} }, [{ op, path, value: 'x' }]))
      harmless(() => applyJsonPatch({ metadata: {}, a: 1 }, [{ op: 'copy', from: '/a', path }]))
      harmless(() => applyJsonPatch({ metadata: {}, a: 1 }, [{ op: 'move', from: '/a', path }]))
    }
    harmless(() => applyJsonPatch({}, [{ op: 'remove', path: '/constructor/prototype/toString' }]))
  })

  it('by a merge patch, a strategic one, or an apply', () => {
    fc.assert(
      fc.property(object, object, (live, patch) =>
        harmless(
          () => applyMergePatch(live, patch),
          () => applyStrategicMergePatch(schema, live, patch),
          () => apply(live, patch),
          () => apply(undefined, patch),
        ),
      ),
      { numRuns: 1000 },
    )
  })

  it('by JSON or YAML, aliases and merge keys', () => {
    fc.assert(
      fc.property(json, (value) =>
        harmless(
          () => parseJson(JSON.stringify(value)),
          // Twice the same member: read by the exact parser.
          () => parseJson(`{"n":9007199254740993,"a":${JSON.stringify(value)},"a":${JSON.stringify(value)}}`),
          () => parseYaml(`a: ${JSON.stringify(value)}\nb: 1\n`),
        ),
      ),
      { numRuns: 500 },
    )
    for (const text of [
      '__proto__: {polluted: 1}',
      'a: &a {__proto__: {polluted: 1}}\nb: {<<: *a}',
      'a: &a {polluted: 1}\n__proto__: {<<: *a}',
      '<<: {__proto__: {polluted: 1}}',
      'constructor: {prototype: {polluted: 1}}',
      '? __proto__\n: {polluted: 1}',
      '!!map {__proto__: {polluted: 1}}',
    ]) {
      harmless(() => parseYaml(text))
    }
  })

  it('by the schema of a custom resource, its defaults, or what it prunes', () => {
    fc.assert(
      fc.property(object, object, name, (value, fallback, field) =>
        harmless(() => {
          const structural = structuralOf({
            type: 'object',
            properties: Object.fromEntries([
              [field, { type: 'object', default: fallback, 'x-kubernetes-preserve-unknown-fields': true }],
            ]),
          })
          applyDefaults(structural, value)
          prune(structural, value)
        }),
      ),
      { numRuns: 300 },
    )
  })

  it('by an expression', () => {
    const environment = kubernetesEnvironment({ object: dyn })
    const expressions = [
      "{'__proto__': {'polluted': 'x'}}",
      "{'constructor': {'prototype': {'polluted': 'x'}}}",
      'object',
      'object.map(k, object[k])',
      "object['__proto__']",
      'object.__proto__',
      "object[?'constructor']",
      'has(object.polluted)',
    ]
    fc.assert(
      fc.property(object, fc.constantFrom(...expressions), (value, expression) =>
        harmless(() => {
          const program = compile(expression, environment)
          return toJson(program.evaluate((one) => (one === 'object' ? fromJson(value) : undefined), 10_000).value)
        }),
      ),
      { numRuns: 300 },
    )
  })
})

describe('names of prototypes', () => {
  it('are no fields that are not there', () => {
    const environment = kubernetesEnvironment({ object: dyn })
    for (const one of ['__proto__', 'constructor', 'toString']) {
      const program = compile(`has(object.${one}) || '${one}' in object`, environment)
      assert.equal(program.evaluate(() => fromJson({}), 10_000).value, false, one)
    }
  })
})
