/**
 * Small requests that stand for much work: each is answered, by a 4xx or as what it is, for little CPU time of the
 * server, which answers others meanwhile. (CVE-2019-11253, CVE-2019-11254, CVE-2019-1002100 and our own.)
 */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import type { TestCluster } from '../../harness/cluster.ts'
import { type Answer, createHttp, type Http, pkiCredentials } from '../../harness/http.ts'
import { waitFor } from '../../harness/wait.ts'

const configMaps = '/api/v1/namespaces/default/configmaps'
/** Nothing stays, so that the next one is not refused for it. */
const creation = `${configMaps}?dryRun=All`
const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
const yaml = { 'content-type': 'application/yaml' }
const patchOf = (type: string) => ({ 'content-type': `application/${type}` })

/** One of any kind of test machine: what a server may use for a request of some megabytes. */
const maxCpuSeconds = 2.5

const repeat = (count: number, of: (index: number) => string, separator = ','): string =>
  Array.from({ length: count }, (_, index) => of(index)).join(separator)

const header = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bomb}\n'
const configMap = (more: string): string =>
  `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"bomb"}${more === '' ? '' : `,${more}`}}`
const pod = (spec: string): string =>
  `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"bomb"},"spec":{"containers":[${spec}]}}`
const container = (more: string): string => `{"name":"c","image":"i"${more}}`
const cronJob = (schedule: string): string =>
  JSON.stringify({
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { name: 'bomb' },
    spec: {
      schedule,
      jobTemplate: {
        spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } } },
      },
    },
  })

interface Bomb {
  readonly method?: string
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** What the answer may be; default: any 4xx. */
  readonly answer?: RegExp
}

const bombs: Readonly<Record<string, () => Bomb>> = {
  'YAML aliases that multiply': () => ({
    headers: yaml,
    body: `${header}data: &a0 {x: lol}\n${repeat(40, (i) => `b${i}: &a${i + 1} [${repeat(9, () => `*a${i}`)}]`, '\n')}`,
  }),
  'YAML merge keys that multiply': () => ({
    headers: yaml,
    body: `${header}x: &a0 {x: lol}\n${repeat(40, (i) => `b${i}: &a${i + 1} {<<: [${repeat(9, () => `*a${i}`)}]}`, '\n')}`,
    answer: /^201 /,
  }),
  'YAML nested without end': () => ({ headers: yaml, body: `${header}x: ${'['.repeat(1_000_000)}` }),
  'YAML lists of lists': () => ({ headers: yaml, body: `${header}x:\n  ${'- '.repeat(1_000_000)}` }),
  'a YAML key half a million times': () => ({
    headers: yaml,
    path: `${creation}&fieldValidation=Strict`,
    body: header + 'a: 1\n'.repeat(500_000),
  }),
  'a YAML number of millions of digits': () => ({
    headers: yaml,
    body: `${header}x: ${'9'.repeat(2_900_000)}`,
    answer: /^201 /,
  }),
  'JSON nested without end': () => ({ body: configMap(`"x":${'['.repeat(2_000_000)}`) }),
  'JSON objects nested without end': () => ({ body: configMap(`"x":${'{"a":'.repeat(500_000)}`) }),
  'a JSON key three hundred thousand times': () => ({
    path: `${creation}&fieldValidation=Strict`,
    body: configMap(repeat(300_000, () => '"x":1')),
  }),
  'a JSON number of millions of digits': () => ({ body: configMap(`"immutable":${'9'.repeat(2_900_000)}`) }),
  'a JSON Patch of too many operations': () => ({
    method: 'PATCH',
    path: `${configMaps}/target`,
    headers: patchOf('json-patch+json'),
    body: `[${repeat(10_001, () => '{"op":"test","path":"/kind","value":"ConfigMap"}')}]`,
  }),
  'a JSON Patch that copies the object into itself': () => ({
    method: 'PATCH',
    path: `${configMaps}/target`,
    headers: patchOf('json-patch+json'),
    body: `[${repeat(60, (i) => `{"op":"copy","from":"/data","path":"/data/x${i}"}`)}]`,
  }),
  'a JSON Patch that moves a list at every step': () => ({
    method: 'PATCH',
    path: `${configMaps}/target`,
    headers: patchOf('json-patch+json'),
    body: `[{"op":"add","path":"/metadata/finalizers","value":[${repeat(100_000, () => '"a.b/c"')}]},${repeat(9_999, () => '{"op":"remove","path":"/metadata/finalizers/0"}')}]`,
    answer: /^200 /,
  }),
  'a strategic merge patch of many list items': () => ({
    method: 'PATCH',
    path: `${configMaps}/target`,
    headers: patchOf('strategic-merge-patch+json'),
    body: `{"metadata":{"ownerReferences":[${repeat(30_000, (i) => `{"apiVersion":"v1","kind":"Pod","name":"n","uid":"u${i}"}`)}]}}`,
    // Etcd's bound, as upstream tells it.
    answer: /^500 .*larger than max/,
  }),
  'an applied list of many equal items': () => ({
    method: 'PATCH',
    path: `${configMaps}/target?fieldManager=m&force=true`,
    headers: patchOf('apply-patch+yaml'),
    body: `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"target","ownerReferences":[${repeat(30_000, () => '{"apiVersion":"v1","kind":"Pod","name":"n","uid":"u"}')}]}}`,
    answer: /^500 failed to create typed patch object .* duplicate entries for key/s,
  }),
  'a quantity of a million digits that is none': () => ({
    path: '/api/v1/namespaces/default/pods?dryRun=All',
    body: pod(container(`,"resources":{"limits":{"cpu":"${'1'.repeat(1_000_000)}!"}}`)),
  }),
  'a quantity with a great exponent': () => ({
    path: '/api/v1/namespaces/default/pods?dryRun=All',
    body: pod(container(',"resources":{"limits":{"example.com/a":"1e999999999"}}')),
    answer: /^201 /,
  }),
  'a schedule of a million parts': () => ({
    path: '/apis/batch/v1/namespaces/default/cronjobs',
    body: cronJob(`${repeat(300_000, () => '0-59')} * * * x`),
  }),
  'a schedule of a million digits': () => ({
    path: '/apis/batch/v1/namespaces/default/cronjobs',
    body: cronJob(`@every ${'1'.repeat(1_000_000)}`),
  }),
  'names that are nearly names': () => ({
    body: `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"${'a-'.repeat(400_000)}","labels":{"${'a.'.repeat(200_000)}/b":"${'a_'.repeat(200_000)}"},"annotations":{"${'a-'.repeat(200_000)}":""}},"data":{"${'a.'.repeat(200_000)}":""}}`,
  }),
  'a label selector of many requirements': () => ({
    method: 'GET',
    path: `${configMaps}?labelSelector=${repeat(60_000, (i) => `a${i}%3Db`)}`,
    answer: /^200 /,
  }),
  'a field selector of escapes': () => ({
    method: 'GET',
    path: `${configMaps}?fieldSelector=metadata.name%3D${'%5C'.repeat(150_001)}`,
  }),
  'a token for the next page that is none': () => ({
    method: 'GET',
    path: `${configMaps}?limit=1&continue=${Buffer.from('{'.repeat(200_000)).toString('base64url')}`,
  }),
}

const definition = (plural: string, schema: object): string =>
  JSON.stringify({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.bombs.example.com` },
    spec: {
      group: 'bombs.example.com',
      scope: 'Namespaced',
      names: { plural, kind: plural.replace(/^./, (first) => first.toUpperCase()) },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties: schema } } } },
        },
      ],
    },
  })

const definitions: Readonly<Record<string, object>> = {
  'a pattern of a few letters that fills the memory': { a: { type: 'string', pattern: 'a{1000}'.repeat(1_000) } },
  'a pattern of repetitions of repetitions': { a: { type: 'string', pattern: '((((a{99}){99}){99}){99}){99}' } },
}

export const describeInputBombs = (running: () => TestCluster): void => {
  describe('a bomb', () => {
    let http: Http
    const cpuSeconds = async (): Promise<number> => {
      const { text } = await http('/metrics')
      return Number(/^process_cpu_seconds_total (\S+)$/m.exec(text)?.[1])
    }
    const explode = async ({ method = 'POST', path = creation, headers = {}, body }: Bomb): Promise<Answer> => {
      const before = await cpuSeconds()
      const [answer, live] = await Promise.all([
        http(path, {
          method,
          ...(body === undefined ? {} : { body }),
          headers: { 'content-type': 'application/json', ...headers },
        }),
        http('/livez'),
      ])
      assert.equal(live.code, 200)
      const used = (await cpuSeconds()) - before
      assert.ok(used < maxCpuSeconds, `${used} CPU seconds`)
      return answer
    }

    before(async () => {
      http = createHttp(running(), pkiCredentials(running(), 'super-admin'))
      const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'target' }, data: { a: 'x'.repeat(1000) } }
      assert.equal((await http(configMaps, { method: 'POST', body })).code, 201)
    })

    for (const [name, make] of Object.entries(bombs)) {
      it(`of ${name} does no harm`, async () => {
        const bomb = make()
        const { code, status } = await explode(bomb)
        assert.match(`${code} ${status.message ?? ''}`.slice(0, 500), bomb.answer ?? /^4\d\d /)
        assert.ok(JSON.stringify(status).length < 20_000_000)
      })
    }

    for (const [name, schema] of Object.entries(definitions)) {
      it(`of ${name} is refused in its definition`, async () => {
        const { code, status } = await explode({ path: crds, body: definition('refused', schema) })
        assert.equal(code, 422, status.message)
      })
    }

    it('of a value that matches its pattern in too many ways does no harm', async () => {
      const schema = { a: { type: 'string', pattern: '^(([a-z])+.)+[A-Z]([a-z])+$' } }
      assert.equal((await http(crds, { method: 'POST', body: definition('evils', schema) })).code, 201)
      const path = '/apis/bombs.example.com/v1/namespaces/default/evils'
      await waitFor(async () => (await http(path)).code === 200, { what: 'the definition to be served' })
      const object = {
        apiVersion: 'bombs.example.com/v1',
        kind: 'Evils',
        metadata: { name: 'a' },
        spec: { a: `${'a'.repeat(20_000)}!` },
      }
      const { code } = await explode({ path, body: JSON.stringify(object) })
      assert.equal(code, 422)
    })

    it('of an expression that costs too much is stopped by its budget', async () => {
      const policies = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies'
      const all = '["a","b","c","d","e","f","g","h","i","j"]'
      const nested = repeat(8, (i) => `${all}.all(x${i}, `, '')
      const policy = {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingAdmissionPolicy',
        metadata: { name: 'bomb' },
        spec: {
          failurePolicy: 'Fail',
          matchConstraints: {
            resourceRules: [
              { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] },
            ],
            namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'bombs' } },
          },
          validations: [{ expression: `${nested}true${')'.repeat(8)}` }],
        },
      }
      assert.equal((await http(policies, { method: 'POST', body: policy })).code, 201)
      const binding = {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingAdmissionPolicyBinding',
        metadata: { name: 'bomb' },
        spec: { policyName: 'bomb', validationActions: ['Deny'] },
      }
      await http(`${policies.replace('policies', 'policybindings')}`, { method: 'POST', body: binding })
      await http('/api/v1/namespaces', { method: 'POST', body: { metadata: { name: 'bombs' } } })
      const create = (): Promise<Answer> =>
        explode({ path: '/api/v1/namespaces/bombs/configmaps?dryRun=All', body: configMap('') })
      const refused = await waitFor(
        async () => {
          const answer = await create()
          return answer.code === 201 ? undefined : answer
        },
        { what: 'the policy to be in force' },
      )
      assert.match(refused.status.message ?? '', /cost limit exceeded|cost budget/)
    })
  })
}
