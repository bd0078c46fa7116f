import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { StatusError } from '../../api/meta/status-error.ts'
import type { RestClient } from '../rest/rest-client.ts'
import { availableTrustBundles } from './available-version.ts'

/** A client of a server that serves these resources, by path; of another path it says what `otherwise` does. */
const aClient = (
  served: Readonly<Record<string, readonly string[]>>,
  otherwise = new StatusError('NotFound', 'the server could not find the requested resource'),
): RestClient =>
  ({
    raw: (_method: string, path: string) => {
      const names = served[path]
      return names === undefined
        ? Promise.reject(otherwise)
        : Promise.resolve({ resources: names.map((name) => ({ name })) })
    },
  }) as unknown as RestClient

const beta = '/apis/certificates.k8s.io/v1beta1'
const alpha = '/apis/certificates.k8s.io/v1alpha1'

describe('the version of ClusterTrustBundles', () => {
  const versionOf = async (client: RestClient) => (await availableTrustBundles(client))?.version

  it('is the best one that is served', async () => {
    const bundles = ['clustertrustbundles']
    assert.equal(await versionOf(aClient({ [beta]: bundles, [alpha]: bundles })), 'v1beta1')
    assert.equal(await versionOf(aClient({ [alpha]: bundles })), 'v1alpha1')
    assert.equal(await versionOf(aClient({ [beta]: ['podcertificaterequests'], [alpha]: bundles })), 'v1alpha1')
  })

  it('is none where the API is off', async () => {
    assert.equal(await versionOf(aClient({})), undefined)
    assert.equal(await versionOf(aClient({ [beta]: [] })), undefined)
  })

  it('is not known where the server does not answer', async () => {
    await assert.rejects(versionOf(aClient({}, new StatusError('ServiceUnavailable', 'later'))), /later/)
  })
})
