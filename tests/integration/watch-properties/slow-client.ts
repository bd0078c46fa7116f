/** A watch whose client does not read for a while: what waits for it must be bounded, and nothing may be lost in between. */
import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { KubeObject } from '../../../api/types.ts'
import type { TestCluster } from '../../harness/cluster.ts'
import { createHttp, pkiCredentials } from '../../harness/http.ts'
import { identityOf, namespaces } from './stage.ts'

const collection = `/api/v1/namespaces/${namespaces[0]}/configmaps`
const valueBytes = 200_000
const merge = { 'content-type': 'application/merge-patch+json' }

/** An answer of which nothing is read yet. */
const openPaused = (cluster: TestCluster, path: string): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    httpsRequest(`${cluster.server}${path}`, { ...identityOf(cluster), agent: false }, (response) => {
      response.pause()
      resolve(response)
    })
      .on('error', reject)
      .end()
  })

export interface SlowWatch {
  /** Revisions of the events that came, in their order. */
  readonly told: readonly number[]
  /** Revisions of the writes. */
  readonly written: readonly number[]
  /** Whether the stream came to an end in order. */
  readonly endedInOrder: boolean
}

/** Writes `writes` big versions of an object while nobody reads the watch of it; then reads until `timeoutSeconds` end it. */
export const watchSlowly = async (cluster: TestCluster, name: string, writes: number): Promise<SlowWatch> => {
  const http = createHttp(cluster, pkiCredentials(cluster, 'admin'))
  const created = await http(collection, { method: 'POST', body: { metadata: { name } } })
  assert.equal(created.code, 201, created.text)
  const from = (created.json as KubeObject).metadata?.resourceVersion
  const query = `watch=true&timeoutSeconds=20&resourceVersion=${from}&fieldSelector=metadata.name%3D${name}`
  const response = await openPaused(cluster, `${collection}?${query}`)
  const written: number[] = []
  for (let index = 0; index < writes; index++) {
    const body = { data: { value: `${index} ${'x'.repeat(valueBytes)}` } }
    const { code, json, text } = await http(`${collection}/${name}`, { method: 'PATCH', body, headers: merge })
    assert.equal(code, 200, text)
    written.push(Number((json as KubeObject).metadata?.resourceVersion))
  }
  const body = Buffer.concat((await response.toArray()) as Buffer[]).toString('utf8')
  const told = body
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Number((JSON.parse(line) as { object: KubeObject }).object.metadata?.resourceVersion))
  return { told, written, endedInOrder: response.complete }
}
