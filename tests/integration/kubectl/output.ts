/** The many forms of `kubectl get`. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import type { ConfigMap } from '../../../api/types.ts'
import type { Kubectl } from '../../harness/kubectl.ts'
import { inNewNamespace, type Surface } from './surface.ts'

export const describeOutput = (surface: Surface): void => {
  describe('get', () => {
    const namespace = `get-${surface.suffix}`
    let kubectl: Kubectl

    before(async () => {
      kubectl = await inNewNamespace(surface, namespace)
      for (const [name, size] of [
        ['one', 'small'],
        ['two', 'large'],
      ]) {
        await kubectl('create', 'configmap', `${name}`, '--from-literal=k=v')
        await kubectl('label', 'configmap', `${name}`, `size=${size}`, 'test=get')
      }
    })
    const get = (...args: readonly string[]): Promise<string> => kubectl('get', 'configmaps', '-l', 'test=get', ...args)

    it('prints tables: plain, wide, without headers, with labels, sorted', async () => {
      assert.match(await get(), /^NAME +DATA +AGE\none +1 +\d+s\ntwo +1 +\d+s\n$/)
      assert.match(await get('--no-headers', '-o', 'wide'), /^one +1 +\d+s\ntwo +1 +\d+s\n$/)
      assert.match(await get('--show-labels'), /LABELS\none .* size=small,test=get\n/)
      assert.match(await get('-L', 'size'), /SIZE\none .* small\ntwo .* large\n/)
      assert.match(await get('--sort-by=.metadata.labels.size', '--no-headers'), /^two .*\none /)
      assert.match(await get('-A'), new RegExp(`^NAMESPACE +NAME +DATA +AGE\\n[^]*^${namespace} +one `, 'm'))
      assert.match(await get('--server-print=false'), /^NAME +AGE\none +\d+s\n/)
      assert.match(await get('--chunk-size=1', '--no-headers'), /^one .*\ntwo .*\n$/)
    })

    it('prints objects: name, JSON, YAML, JSONPath, Go templates, columns', async () => {
      assert.equal(await get('-o', 'name'), 'configmap/one\nconfigmap/two\n')
      const list = JSON.parse(await get('-o', 'json')) as { kind: string; items: ConfigMap[] }
      assert.equal(list.kind, 'List')
      assert.deepEqual(list.items[0]?.data, { k: 'v' })
      assert.match(
        await kubectl('get', 'configmap', 'one', '-o', 'yaml'),
        /^apiVersion: v1\ndata:\n {2}k: v\nkind: ConfigMap\n/,
      )
      assert.equal(await get('-o', 'jsonpath={range .items[*]}{.metadata.name}={.data.k};{end}'), 'one=v;two=v;')
      assert.equal(await get('-o', 'jsonpath={.items[?(@.metadata.labels.size=="large")].metadata.name}'), 'two')
      assert.equal(await get('-o', 'go-template={{range .items}}{{.metadata.name}} {{end}}'), 'one two ')
      assert.match(await get('-o', 'custom-columns=N:.metadata.name,D:.data.k,X:.nope'), /^N +D +X\none +v +<none>\n/)
    })

    it('selects by fields and labels, of several kinds at once', async () => {
      assert.equal(await get('--field-selector=metadata.name=two', '-o', 'name'), 'configmap/two\n')
      assert.match(
        await kubectl('get', 'configmaps,serviceaccounts', '-o', 'name'),
        /configmap\/one\n[^]*serviceaccount\/default\n/,
      )
      assert.match(
        await kubectl('get', 'configmap/one', 'serviceaccount/default'),
        /configmap\/one [^]*serviceaccount\/default /,
      )
      const none = await kubectl.run(['get', 'pods'])
      assert.equal(none.stderr, `No resources found in ${namespace} namespace.\n`)
      const unknown = await kubectl.run(['get', 'nonsense'])
      assert.match(unknown.stderr, /error: the server doesn't have a resource type "nonsense"/)
      const field = await kubectl.run(['get', 'pods', '--field-selector=spec.nonsense=1'])
      assert.match(
        field.stderr,
        /Unable to find "\/v1, Resource=pods" that match label selector "", field selector "spec.nonsense=1": field label not supported: spec.nonsense/,
      )
      assert.equal((await kubectl.run(['get', 'configmap', 'nope', '--ignore-not-found'])).code, 0)
    })

    it('reads any path of the server', async () => {
      assert.equal(await kubectl('get', '--raw', '/livez'), 'ok')
      assert.match(await kubectl('get', '--raw', '/readyz?verbose'), /\[\+\]etcd ok\n[^]*readyz check passed\n$/)
      assert.match(await kubectl('get', '--raw', '/metrics'), /^apiserver_request_total\{/m)
      const version = JSON.parse(await kubectl('get', '--raw', '/version')) as { gitVersion: string; minor: string }
      assert.match(version.gitVersion, /^v1\.36\.\d+/)
      assert.equal(version.minor, '36')
      const paths = JSON.parse(await kubectl('get', '--raw', '/')) as { paths: string[] }
      for (const path of [
        '/api/v1',
        '/apis/apps/v1',
        '/openapi/v2',
        '/openapi/v3',
        '/healthz',
        '/metrics',
        '/version',
      ]) {
        assert.ok(paths.paths.includes(path), path)
      }
    })

    it('watches from now on, with the kind of each event', async () => {
      const args = ['get', 'configmaps', '-l', 'test=get', '--watch', '--output-watch-events', '--no-headers']
      let ended = false
      const watching = kubectl.run([...args, '--request-timeout=2s']).finally(() => {
        ended = true
      })
      for (let round = 0; !ended; round++)
        await kubectl('annotate', 'configmap', 'one', `round=${round}`, '--overwrite')
      const { stdout } = await watching
      assert.match(stdout, /^ADDED +one .*\nADDED +two .*\nMODIFIED +one /)
    })
  })
}
