/** What OpenAPI tells of custom resources, and what kubectl makes of it. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import type { TestCluster } from '../../harness/cluster.ts'
import { createHttp, type Http, pkiCredentials } from '../../harness/http.ts'
import type { Kubectl } from '../../harness/kubectl.ts'
import { waitFor } from '../../harness/wait.ts'
import { cronTabs, define } from './fixtures.ts'

const group = 'openapi.example.com'
const name = 'com.example.openapi.v1.CronTab'

interface Definition {
  readonly type: string
  readonly properties: Readonly<
    Record<string, { readonly $ref?: string; readonly properties?: Record<string, object> }>
  >
  readonly 'x-kubernetes-group-version-kind': readonly object[]
}

export const describeOpenApi = (running: () => TestCluster): void => {
  describe('OpenAPI of custom resources', () => {
    let kubectl: Kubectl
    let http: Http
    const explain = (...args: string[]) => kubectl('explain', ...args, `--api-version=${group}/v1`)

    before(async () => {
      ;({ kubectl } = running())
      http = createHttp(running(), pkiCredentials(running(), 'admin'))
      await define(kubectl, cronTabs(group))
    })

    it('has a document for their group in version 3', async () => {
      const { paths } = (await http('/openapi/v3')).json as { paths: Record<string, { serverRelativeURL: string }> }
      const url = paths[`apis/${group}/v1`]?.serverRelativeURL ?? ''
      const document = (await http(url)).json as {
        paths: Record<string, Record<string, { parameters?: { name: string }[] }>>
        components: { schemas: Record<string, Definition> }
      }
      const definition = document.components.schemas[name]
      assert.deepEqual(definition?.['x-kubernetes-group-version-kind'], [{ group, kind: 'CronTab', version: 'v1' }])
      const spec = definition?.properties['spec']?.properties ?? {}
      assert.deepEqual(spec['replicas'], { type: 'integer', minimum: 1, maximum: 10, default: 1 })
      assert.ok('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' in document.components.schemas)
      const post = document.paths[`/apis/${group}/v1/namespaces/{namespace}/crontabs`]?.['post']
      assert.ok(post?.parameters?.some((parameter) => parameter.name === 'fieldValidation'))
      assert.ok(`/apis/${group}/v1/namespaces/{namespace}/crontabs/{name}/status` in document.paths)
    })

    it('has them in version 2, as far as that can say it', async () => {
      const { definitions } = (await http('/openapi/v2')).json as { definitions: Record<string, Definition> }
      const spec = definitions[name]?.properties['spec']?.properties ?? {}
      assert.deepEqual(spec['replicas'], { type: 'integer', minimum: 1, maximum: 10 })
      assert.deepEqual(spec['port'], { 'x-kubernetes-int-or-string': true })
      assert.equal(
        definitions[name]?.properties['metadata']?.$ref,
        '#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta',
      )
      assert.ok(`${name}List` in definitions)
    })

    it('is what kubectl explains', async () => {
      const text = await explain('crontabs.spec.steps')
      assert.match(text, /^GROUP:\s+openapi\.example\.com\nKIND:\s+CronTab\nVERSION:\s+v1\n/)
      assert.match(text, /FIELD: steps <\[\]Object>/)
      assert.match(text, /name\s+<string> -required-/)
      const missing = await kubectl.run(['explain', 'crontabs.spec.nothing', `--api-version=${group}/v1`])
      assert.match(missing.stderr, /field "nothing" does not exist/)
      assert.match(await explain('--recursive', 'crontabs'), /cronSpec\s+<string> -required-/)
    })

    it('changes with the definition, and goes with it', async () => {
      const tag = async () => (await http(`/openapi/v3/apis/${group}/v1`)).headers['etag']
      const before = await tag()
      await kubectl(
        'patch',
        'crd',
        `crontabs.${group}`,
        '--type=json',
        '-p',
        JSON.stringify([
          {
            op: 'add',
            path: '/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/more',
            value: { type: 'string' },
          },
        ]),
      )
      await waitFor(async () => (await tag()) !== before, { what: 'another document' })
      assert.match(await explain('crontabs.spec.more'), /FIELD: more <string>/)
      await kubectl('delete', 'crd', `crontabs.${group}`)
      await waitFor(async () => (await http(`/openapi/v3/apis/${group}/v1`)).code === 404, {
        what: 'its document to go',
      })
    })
  })
}
