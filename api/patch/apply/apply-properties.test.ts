/** What holds of server-side apply whatever is applied. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { equalJson } from '../../meta/clone.ts'
import { type ObjectSchema, schemaFor } from '../../schema/schema.ts'
import type { Container, Deployment, KubeObject } from '../../types.ts'
import { applyConfiguration } from './apply.ts'
import { equalSets, fieldsV1FromSet, setFromFieldsV1 } from './field-set.ts'
import { setManagers } from './managed-fields.ts'
import { ignoring, type VersionOf } from './ownership.ts'
import { fieldSetOf } from './typed-sets.ts'
import { trackUpdate } from './update.ts'

const deploymentSchema = (): ObjectSchema => {
  const found = schemaFor('apps', 'v1', 'Deployment')
  assert.ok(found)
  return found
}
const schema = deploymentSchema()
const apiVersion = 'apps/v1'
const gvk = { group: 'apps', version: 'v1', kind: 'Deployment' }
const versionOf: VersionOf = () => ({ schema, ignored: ignoring([['status']]) })
const time = '2026-01-01T00:00:00Z'

const apply = (live: KubeObject | undefined, applied: KubeObject, manager: string, force = false): KubeObject => {
  const request = { schema, gvk, live, applied, manager, force, time, apiVersion, subresource: '', versionOf }
  const { object, managers } = applyConfiguration(request)
  const stored = structuredClone(object)
  setManagers(stored, managers)
  return stored
}

const update = (before: KubeObject | undefined, after: KubeObject, manager: string): KubeObject => {
  const stored = structuredClone(after)
  trackUpdate({ before, after: stored, manager, time, apiVersion, subresource: '', versionOf })
  return stored
}

const names = ['a', 'b', 'c', 'd', 'e']
const text = fc.constantFrom('1', '2', '3')
const labels = fc.dictionary(fc.constantFrom(...names), text, { minKeys: 1 })
const port = fc.record(
  { containerPort: fc.integer({ min: 1, max: 6 }), name: text },
  { requiredKeys: ['containerPort'] },
)
const container = fc.record(
  {
    name: fc.constantFrom(...names),
    image: text,
    command: fc.array(text, { minLength: 1 }),
    ports: fc.uniqueArray(port, { selector: ({ containerPort }) => containerPort, minLength: 1, maxLength: 4 }),
  },
  { requiredKeys: ['name'] },
)
const containers = fc.uniqueArray(container, { selector: ({ name }) => name, minLength: 1 })

const configuration: fc.Arbitrary<KubeObject> = fc
  .record(
    { replicas: fc.nat(3), minReadySeconds: fc.nat(3), matchLabels: labels, labels, containers },
    { requiredKeys: ['containers'] },
  )
  .map(({ replicas, minReadySeconds, matchLabels, labels: wanted, containers: list }) => ({
    apiVersion,
    kind: 'Deployment',
    metadata: { name: 'x', ...(wanted === undefined ? {} : { labels: wanted }) },
    spec: {
      ...(replicas === undefined ? {} : { replicas }),
      ...(minReadySeconds === undefined ? {} : { minReadySeconds }),
      ...(matchLabels === undefined ? {} : { selector: { matchLabels } }),
      template: { spec: { containers: list } },
    },
  }))

const containersOf = (object: KubeObject): readonly Container[] =>
  (object as Deployment).spec?.template.spec?.containers ?? []

const withoutManagers = (object: KubeObject): KubeObject => ({
  ...object,
  metadata: { ...object.metadata, managedFields: undefined } as object,
})

describe('server-side apply, whatever is applied', () => {
  it('is idempotent', () => {
    fc.assert(
      fc.property(configuration, configuration, configuration, (first, second, config) => {
        const live = apply(update(undefined, first, 'u'), second, 'other', true)
        const once = apply(live, config, 'me', true)
        const twice = apply(once, config, 'me')
        assert.deepEqual(withoutManagers(twice), withoutManagers(once))
        assert.deepEqual(twice.metadata?.managedFields, once.metadata?.managedFields)
      }),
    )
  })

  it('never conflicts where two managers want different fields', () => {
    const prefixed = (prefix: string) =>
      labels.map((map) => Object.fromEntries(Object.entries(map).map(([k, v]) => [prefix + k, v])))
    const withLabels = (wanted: Record<string, string>): KubeObject => ({
      apiVersion,
      kind: 'Deployment',
      metadata: { name: 'x', labels: wanted },
    })
    fc.assert(
      fc.property(fc.array(fc.oneof(prefixed('one-'), prefixed('two-')), { minLength: 1 }), (steps) => {
        let live: KubeObject | undefined
        const wanted = new Map<string, Record<string, string>>()
        for (const step of steps) {
          const manager = Object.keys(step)[0]?.slice(0, 3) ?? ''
          live = apply(live, withLabels(step), manager)
          wanted.set(manager, step)
        }
        assert.deepEqual(live?.metadata?.labels, Object.assign({}, ...wanted.values()))
      }),
    )
  })

  it('leaves what was applied in the object, with nothing of what was before lost to others', () => {
    fc.assert(
      fc.property(configuration, configuration, (first, config) => {
        const live = apply(undefined, first, 'other')
        const after = apply(live, config, 'me', true)
        for (const wanted of containersOf(config)) {
          const found = containersOf(after).find(({ name }) => name === wanted.name)
          assert.ok(found !== undefined && Object.keys(wanted).every((key) => key in found))
          assert.equal(found.image, wanted.image ?? containersOf(first).find(({ name }) => name === wanted.name)?.image)
        }
        const kept = containersOf(first).map(({ name }) => name)
        assert.ok(kept.every((name) => containersOf(after).some((one) => one.name === name)))
      }),
    )
  })

  it('keeps the order of the configuration, and of the live list among those that it does not name', () => {
    const inOrder = (order: readonly string[], list: readonly Container[]) => {
      const found = list.map(({ name }) => name).filter((name) => order.includes(name))
      assert.deepEqual(found, order)
    }
    fc.assert(
      fc.property(configuration, configuration, (first, config) => {
        const after = containersOf(apply(apply(undefined, first, 'other'), config, 'me', true))
        const wanted = containersOf(config).map(({ name }) => name)
        inOrder(wanted, after)
        inOrder(
          containersOf(first)
            .map(({ name }) => name)
            .filter((name) => !wanted.includes(name)),
          after,
        )
      }),
    )
  })

  it('removes what its only owner applies no more, and nothing that another owns', () => {
    fc.assert(
      fc.property(configuration, configuration, (first, second) => {
        const alone = apply(apply(undefined, first, 'me'), second, 'me')
        assert.ok(sameContent(alone, second))
        const shared = apply(apply(apply(undefined, first, 'me'), first, 'other'), second, 'me', true)
        const names = containersOf(shared).map(({ name }) => name)
        for (const { name } of containersOf(first)) assert.ok(names.includes(name))
      }),
    )
  })

  it('gives every field of an applied set one spelling', () => {
    fc.assert(
      fc.property(configuration, (config) => {
        const set = fieldSetOf(schema, config)
        const again = setFromFieldsV1(JSON.parse(JSON.stringify(fieldsV1FromSet(set))))
        assert.ok(equalSets(again, set))
        assert.equal(JSON.stringify(fieldsV1FromSet(again)), JSON.stringify(fieldsV1FromSet(set)))
      }),
    )
  })

  it('owns nothing twice after updates that change values', () => {
    fc.assert(
      fc.property(configuration, configuration, (first, second) => {
        const made = update(undefined, first, 'one')
        const changed = update(made, { ...second, metadata: { ...second.metadata } }, 'two')
        const replicas = (changed.metadata?.managedFields ?? []).filter(({ fieldsV1 }) =>
          JSON.stringify(fieldsV1).includes('"f:replicas"'),
        )
        const { spec } = changed as Deployment
        assert.equal(replicas.length, spec?.replicas === undefined ? 0 : 1)
      }),
    )
  })
})

/** The same fields and values; order of list elements aside. */
const sameContent = (object: KubeObject, config: KubeObject): boolean => {
  const sorted = (list: readonly Container[]) => list.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  const normal = (one: KubeObject) => ({
    labels: one.metadata?.labels,
    spec: { ...(one as Deployment).spec, template: undefined },
    names: sorted(containersOf(one)).map(({ name, image, command }) => ({ name, image, command })),
  })
  return equalJson(normal(object), normal(config))
}
