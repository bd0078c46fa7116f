/** What an apply may send, and what is refused. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ConfigMap } from '../../../api/types.ts'
import type { TestCluster } from '../../harness/cluster.ts'
import {
  adminHttp,
  applyTo,
  assertCode,
  configMap,
  configMaps,
  deployment,
  deployments,
  fieldsOf,
  objectOf,
} from './fixtures.ts'

export const describeConfigurations = (cluster: () => TestCluster): void => {
  describe('configurations', () => {
    it('create what is not there, from YAML and from JSON, and change what is', async () => {
      const http = adminHttp(cluster())
      const yaml = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: made\ndata:\n  a: "1"\n'
      const made = assertCode(await applyTo(http, `${configMaps}/made`, yaml), 201)
      assert.deepEqual(fieldsOf(made, 'tester'), { 'f:data': { 'f:a': {} } })
      const changed = assertCode(await applyTo(http, `${configMaps}/made`, configMap('made', { a: '2' })), 200)
      assert.deepEqual((objectOf(changed) as ConfigMap).data, { a: '2' })
    })

    it('say who applies, and nothing of managedFields', async () => {
      const http = adminHttp(cluster())
      const nobody = await http(`${configMaps}/x`, {
        method: 'PATCH',
        body: configMap('x', {}),
        headers: { 'content-type': 'application/apply-patch+yaml' },
      })
      assertCode(nobody, 422)
      assert.match(nobody.status.message ?? '', /fieldManager: Required value: is required for apply patch/)
      const managed = configMap('x', {}, { managedFields: [{ manager: 'm' }] })
      const refused = assertCode(await applyTo(http, `${configMaps}/x`, managed), 400)
      assert.equal(refused.status.message, 'metadata.managedFields must be nil')
      const cbor = await http(`${configMaps}/x?fieldManager=m`, {
        method: 'PATCH',
        body: 'x',
        headers: { 'content-type': 'application/apply-patch+cbor' },
      })
      assertCode(cbor, 415)
      assert.match(cbor.status.message ?? '', /application\/apply-patch\+yaml/)
    })

    it('name their kind, their object and only fields that exist', async () => {
      const http = adminHttp(cluster())
      const kindless = assertCode(await applyTo(http, `${configMaps}/x`, { metadata: { name: 'x' } }), 400)
      assert.equal(kindless.status.message, 'invalid object type: /, Kind=')
      const odd = assertCode(await applyTo(http, `${configMaps}/x`, { apiVersion: {}, kind: 1, metadata: 'x' }), 400)
      assert.equal(odd.status.message, 'invalid object type: /, Kind=')
      const other = assertCode(await applyTo(http, `${configMaps}/x`, deployment('x')), 400)
      assert.equal(other.status.message, 'invalid object type: apps/v1, Kind=Deployment')
      const nameless = assertCode(await applyTo(http, `${configMaps}/x`, { apiVersion: 'v1', kind: 'ConfigMap' }), 400)
      assert.equal(
        nameless.status.message,
        'the name of the object (x based on URL) was undeterminable: name must be provided',
      )
      const misnamed = assertCode(await applyTo(http, `${configMaps}/x`, configMap('y', {})), 400)
      assert.equal(misnamed.status.message, 'the name of the object (y) does not match the name on the URL (x)')
      const unknown = assertCode(await applyTo(http, `${deployments}/x`, deployment('x', { nosuch: 1 })), 500)
      assert.equal(
        unknown.status.message,
        'failed to create typed patch object (/x; apps/v1, Kind=Deployment): .spec.nosuch: field not declared in schema',
      )
      const broken = assertCode(await applyTo(http, `${configMaps}/x`, 'a: [unclosed'), 400)
      assert.match(broken.status.message ?? '', /^error encoding patch: yaml: line /)
      const list = assertCode(await applyTo(http, `${configMaps}/x`, '[]'), 400)
      assert.match(
        list.status.message ?? '',
        /^error decoding patch: .*cannot unmarshal array into Go value of type map/,
      )
      assertCode(await applyTo(http, `${configMaps}/x`, ''), 400)
    })

    it('are held to the uid and resourceVersion that they give', async () => {
      const http = adminHttp(cluster())
      const gone = configMap('gone', {}, { uid: '00000000-0000-0000-0000-000000000000' })
      const absent = assertCode(await applyTo(http, `${configMaps}/gone`, gone), 409)
      assert.match(
        absent.status.message ?? '',
        /uid mismatch: the provided object specified uid 0{8}-.*no existing object was found$/,
      )
      const made = assertCode(await applyTo(http, `${configMaps}/held`, configMap('held', { a: '1' })), 201)
      const { resourceVersion } = objectOf(made).metadata ?? {}
      const fresh = configMap('held', { a: '2' }, { resourceVersion })
      assertCode(await applyTo(http, `${configMaps}/held`, fresh), 200)
      const stale = assertCode(
        await applyTo(http, `${configMaps}/held`, configMap('held', { a: '3' }, { resourceVersion })),
        409,
      )
      assert.match(stale.status.message ?? '', /the object has been modified/)
    })

    it('leave nothing behind in a dry run', async () => {
      const http = adminHttp(cluster())
      const path = `${configMaps}/dry`
      assertCode(await applyTo(http, path, configMap('dry', { a: '1' }), { query: 'dryRun=All' }), 201)
      assertCode(await http(path), 404)
    })

    it('are refused with fields that are given twice where that is asked', async () => {
      const http = adminHttp(cluster())
      const twice = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: twice\ndata:\n  a: "1"\n  a: "2"\n'
      const strict = assertCode(
        await applyTo(http, `${configMaps}/twice`, twice, { query: 'fieldValidation=Strict' }),
        400,
      )
      assert.match(strict.status.message ?? '', /^error strict decoding patch: .*line 7: key "a" already set in map/s)
      const warned = assertCode(await applyTo(http, `${configMaps}/twice`, twice), 201)
      // The problem has two lines, and no header can have those.
      assert.equal(warned.headers['warning'], undefined)
    })
  })
}
