/** APIs and features that are switched off are really gone. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { connect } from 'node:tls'
import { createHttp, type Http, pkiCredentials } from '../harness/http.ts'
import { useCluster } from '../harness/use-cluster.ts'

let http: Http
const theCluster = useCluster(
  {
    extraArgs: {
      'kube-apiserver': {
        'runtime-config': 'batch/v1/cronjobs=false,autoscaling/v2=false,events.k8s.io/v1=false',
        'feature-gates': 'ComponentStatusz=false,WatchList=true',
        'disable-http2-serving': 'true',
      },
    },
  },
  (cluster) => {
    http = createHttp(cluster, pkiCredentials(cluster, 'admin'))
  },
)

describe('a server with --runtime-config', () => {
  it('does not have a resource that is off, and has its neighbours', async () => {
    const { code, status } = await http('/apis/batch/v1/cronjobs')
    assert.equal(code, 404)
    assert.equal(status.message, 'the server could not find the requested resource')
    assert.equal((await http('/apis/batch/v1/jobs')).code, 200)
    const { resources } = (await http('/apis/batch/v1')).json as { resources: { name: string }[] }
    assert.deepEqual(
      resources.map(({ name }) => name),
      ['jobs', 'jobs/status'],
    )
  })

  it('prefers what is left of a group', async () => {
    const group = (await http('/apis/autoscaling')).json as {
      versions: { version: string }[]
      preferredVersion: { version: string }
    }
    assert.deepEqual(
      group.versions.map(({ version }) => version),
      ['v1'],
    )
    assert.equal(group.preferredVersion.version, 'v1')
    assert.equal((await http('/apis/autoscaling/v2/horizontalpodautoscalers')).code, 404)
  })

  it('does not know a group of which nothing is left', async () => {
    for (const path of ['/apis/events.k8s.io', '/apis/events.k8s.io/v1', '/apis/events.k8s.io/v1/events']) {
      assert.equal((await http(path)).text, '404 page not found\n', path)
    }
    assert.equal((await http('/api/v1/events')).code, 200)
  })

  it('describes what it serves, and nothing else', async () => {
    const { paths } = (await http('/openapi/v3')).json as { paths: Record<string, unknown> }
    assert.ok(!('apis/autoscaling/v2' in paths))
    const batch = (await http('/openapi/v3/apis/batch/v1')).json as { paths: Record<string, unknown> }
    assert.ok('/apis/batch/v1/jobs' in batch.paths)
    assert.ok(!('/apis/batch/v1/cronjobs' in batch.paths))
    const all = (await http('/openapi/v2')).json as { paths: Record<string, unknown> }
    assert.ok(!('/apis/batch/v1/cronjobs' in all.paths))
  })
})

describe('a server with --disable-http2-serving', () => {
  it('offers HTTP/1.1 alone', async () => {
    const { hostname, port } = new URL(theCluster().server)
    const socket = connect({
      host: hostname,
      port: Number(port),
      ca: readFileSync(join(theCluster().layout.pki, 'ca.crt'), 'utf8'),
      ALPNProtocols: ['h2', 'http/1.1'],
    })
    await once(socket, 'secureConnect')
    assert.equal(socket.alpnProtocol, 'http/1.1')
    socket.destroy()
  })
})

describe('a server with --feature-gates', () => {
  it('does not have a page that is off', async () => {
    assert.equal((await http('/statusz')).code, 404)
    const { paths } = (await http('/')).json as { paths: string[] }
    assert.ok(!paths.includes('/statusz'))
    assert.equal((await http('/flagz')).code, 200)
  })
})
