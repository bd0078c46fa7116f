import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { resourceRow, resourceRows } from './resource-table.ts'
import { definitionNames, type ObjectSchema, type Schema, schemaByRef, schemaFor } from './schema.ts'

const field = (schema: Schema | undefined, ...path: readonly string[]): Schema => {
  let node = schema
  for (const name of path) {
    if (node?.type === 'array') node = node.items
    assert.equal(node?.type, 'object')
    node = (node as ObjectSchema).fields.get(name)?.schema
  }
  assert.ok(node !== undefined)
  return node
}

describe('schema', () => {
  it('knows tags of lists', () => {
    const ports = field(schemaFor('apps', 'v1', 'Deployment'), 'spec', 'template', 'spec', 'containers', 'ports')
    assert.equal(ports.type, 'array')
    if (ports.type !== 'array') return
    assert.deepEqual(ports.listMapKeys, ['containerPort', 'protocol'])
    assert.equal(ports.patchMergeKey, 'containerPort')
    assert.deepEqual(ports.patchStrategy, ['merge'])
  })

  it('knows strategies of objects and map types of references', () => {
    const deployment = schemaByRef('io.k8s.api.apps.v1.DeploymentSpec')
    assert.equal(deployment?.type, 'object')
    if (deployment?.type !== 'object') return
    assert.deepEqual(deployment.fields.get('strategy')?.patchStrategy, ['retainKeys'])
    assert.equal(schemaByRef('io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector')?.type, 'object')
  })

  it('resolves every field of every definition', () => {
    for (const name of definitionNames()) {
      const schema = schemaByRef(name)
      assert.ok(schema !== undefined, name)
      if (schema.type === 'object') for (const entry of schema.fields.values()) assert.ok(entry.schema, name)
    }
  })

  it('has a schema for every resource', () => {
    assert.equal(resourceRows().length, 68)
    for (const { group, version, kind } of resourceRows())
      assert.ok(schemaFor(group, version, kind), `${group} ${kind}`)
    assert.equal(resourceRow('', 'v1', 'namespaces')?.namespaced, false)
    assert.equal(resourceRow('', 'v1', 'pods')?.namespaced, true)
  })

  it('takes no inherited name for a definition', () => {
    assert.equal(schemaByRef('constructor'), undefined)
    assert.equal(schemaFor('', 'v1', '__proto__'), undefined)
  })
})
