/** The API with curl alone: list, watch, create, patch, delete, as the README shows it. */
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'
import type { TestCluster } from '../harness/cluster.ts'
import { waitFor } from '../harness/wait.ts'
import { useCluster } from '../harness/use-cluster.ts'

const execFileAsync = promisify(execFile)
let cluster: TestCluster
let certificate: string[]

const curl = async (...args: readonly string[]): Promise<string> =>
  (await execFileAsync('curl', ['-sS', ...certificate, ...args], { maxBuffer: 64 * 1024 * 1024 })).stdout

const url = (path: string): string => `${cluster.server}${path}`
const configMaps = '/api/v1/namespaces/default/configmaps'

interface WatchEvent {
  readonly type: string
  readonly object: {
    readonly metadata: {
      readonly name?: string
      readonly resourceVersion: string
      readonly annotations?: Record<string, string>
    }
    readonly data?: Record<string, string>
  }
}

useCluster({}, (started) => {
  cluster = started
  const { pki } = cluster.layout
  certificate = ['--cacert', `${pki}/ca.crt`, '--cert', `${pki}/admin.crt`, '--key', `${pki}/admin.key`]
})

describe('curl', () => {
  it('creates, gets, lists, patches and deletes while a watch sees it all', async () => {
    const watch = spawn('curl', ['-sSN', ...certificate, url(`${configMaps}?watch=true&allowWatchBookmarks=true`)])
    let stream = ''
    watch.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      stream += chunk
    })
    const seen = (): WatchEvent[] =>
      stream
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as WatchEvent)
        .filter(({ object }) => object.metadata.name === 'curled')
    try {
      const json = ['-H', 'Content-Type: application/json']
      const body = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"curled"},"data":{"a":"1"}}'
      const created = JSON.parse(await curl(...json, '-d', body, url(configMaps))) as WatchEvent['object']
      assert.match(created.metadata.resourceVersion, /^[1-9]\d*$/)
      const list = JSON.parse(await curl(url(configMaps))) as { kind: string; items: WatchEvent['object'][] }
      assert.equal(list.kind, 'ConfigMapList')
      assert.ok(list.items.some(({ metadata }) => metadata.name === 'curled'))
      for (const [type, patch] of [
        ['merge-patch+json', '{"data":{"b":"2"}}'],
        ['strategic-merge-patch+json', '{"data":{"c":"3"}}'],
        ['json-patch+json', '[{"op":"remove","path":"/data/a"}]'],
      ] as const) {
        const code = await curl(
          '-o',
          '/dev/null',
          '-w',
          '%{http_code}',
          '-X',
          'PATCH',
          '-H',
          `Content-Type: application/${type}`,
          '-d',
          patch,
          url(`${configMaps}/curled`),
        )
        assert.equal(code, '200', type)
      }
      const got = JSON.parse(await curl(url(`${configMaps}/curled`))) as WatchEvent['object']
      assert.deepEqual(got.data, { b: '2', c: '3' })
      await curl('-X', 'DELETE', url(`${configMaps}/curled`))
      await waitFor(() => seen().at(-1)?.type === 'DELETED', { what: 'the DELETED event' })
      assert.deepEqual(
        seen().map(({ type }) => type),
        ['ADDED', 'MODIFIED', 'MODIFIED', 'MODIFIED', 'DELETED'],
      )
      const versions = seen().map(({ object }) => Number(object.metadata.resourceVersion))
      assert.deepEqual(
        versions,
        [...versions].sort((a, b) => a - b),
      )
    } finally {
      watch.kill()
    }
  })

  it('works with a ServiceAccount token, as far as RBAC lets it', async () => {
    await cluster.kubectl('create', 'serviceaccount', 'reader')
    await cluster.kubectl('create', 'rolebinding', 'reader', '--clusterrole=view', '--serviceaccount=default:reader')
    const token = (await cluster.kubectl('create', 'token', 'reader')).trim()
    const withToken = (...args: readonly string[]): Promise<string> =>
      execFileAsync('curl', [
        '-sS',
        '--cacert',
        `${cluster.layout.pki}/ca.crt`,
        '-H',
        `Authorization: Bearer ${token}`,
        ...args,
      ]).then(({ stdout }) => stdout)
    await waitFor(
      async () => (JSON.parse(await withToken(url(configMaps))) as { kind: string }).kind === 'ConfigMapList',
      { what: 'the binding to work' },
    )
    const refused = JSON.parse(await withToken(url('/api/v1/namespaces/default/secrets'))) as {
      reason: string
      message: string
    }
    assert.equal(refused.reason, 'Forbidden')
    assert.match(refused.message, /User "system:serviceaccount:default:reader" cannot list resource "secrets"/)
  })

  it('ends a watch after timeoutSeconds and answers 410 to a version that is too old', async () => {
    const startedAt = Date.now()
    await curl(url(`${configMaps}?watch=true&timeoutSeconds=1&resourceVersion=0`))
    assert.ok(Date.now() - startedAt < 10_000)
    const future = JSON.parse(
      await curl(url(`${configMaps}?resourceVersion=999999999&resourceVersionMatch=Exact`)),
    ) as { code: number }
    assert.ok(future.code >= 400)
  })

  it('streams initial events and marks their end', async () => {
    await cluster.kubectl('create', 'configmap', 'initial')
    const text = await curl(
      url(
        `${configMaps}?watch=true&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan&timeoutSeconds=1`,
      ),
    )
    const events = text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as WatchEvent)
    const end = events.findIndex(
      ({ type, object }) =>
        type === 'BOOKMARK' && object.metadata.annotations?.['k8s.io/initial-events-end'] === 'true',
    )
    assert.ok(end >= 1, text)
    assert.ok(events.slice(0, end).every(({ type }) => type === 'ADDED'))
  })

  it('pages through a list at one resourceVersion', async () => {
    for (let index = 0; index < 5; index++) await cluster.kubectl('create', 'configmap', `page-${index}`)
    interface Page {
      readonly metadata: {
        readonly resourceVersion: string
        readonly continue?: string
        readonly remainingItemCount?: number
      }
      readonly items: readonly WatchEvent['object'][]
    }
    const names: (string | undefined)[] = []
    const versions = new Set<string>()
    let token = ''
    do {
      const page = JSON.parse(await curl(url(`${configMaps}?limit=2&continue=${encodeURIComponent(token)}`))) as Page
      names.push(...page.items.map(({ metadata }) => metadata.name))
      versions.add(page.metadata.resourceVersion)
      token = page.metadata.continue ?? ''
      // What is written between two pages must not show.
      await cluster.kubectl('create', 'configmap', `later-${names.length}`)
    } while (token !== '')
    assert.equal(versions.size, 1)
    assert.equal(names.filter((name) => name?.startsWith('page-')).length, 5)
    assert.equal(names.filter((name) => name?.startsWith('later-')).length, 0)
  })
})
