/** Subject × verb × resource × namespace: allowed, or refused in exactly upstream's words. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { text } from 'node:stream/consumers'
import { before, describe, it } from 'node:test'
import type { TestCluster } from '../../harness/cluster.ts'
import { type Answer, type Credentials, createHttp, type Http, pkiCredentials } from '../../harness/http.ts'
import { waitFor } from '../../harness/wait.ts'

const rbac = 'rbac.authorization.k8s.io'
const meta = (kind: string, name: string, namespace?: string) => ({
  apiVersion: `${rbac}/v1`,
  kind,
  metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
})
const clusterRole = (name: string, ...rules: readonly object[]) => ({ ...meta('ClusterRole', name), rules })
const user = (name: string) => ({ kind: 'User', apiGroup: rbac, name })
const bind = (role: string, to: string, namespace?: string) => ({
  ...meta(namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding', `matrix-${role}-${to}`, namespace),
  roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: role },
  subjects: [user(to)],
})

/** `nobody` has nothing; every other has one role, in the namespace `here` or in all. */
const objects = [
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'here' } },
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'there' } },
  clusterRole('matrix-pods', { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] }),
  clusterRole('matrix-logs', { apiGroups: [''], resources: ['*/log', 'pods/exec'], verbs: ['get'] }),
  clusterRole('matrix-named', {
    apiGroups: [''],
    resources: ['secrets'],
    resourceNames: ['mine'],
    verbs: ['get', 'list', 'watch', 'delete', 'create', 'deletecollection'],
  }),
  clusterRole('matrix-scale', { apiGroups: ['apps'], resources: ['deployments/scale'], verbs: ['*'] }),
  clusterRole('matrix-paths', { nonResourceURLs: ['/metrics', '/healthz/*'], verbs: ['get'] }),
  bind('matrix-pods', 'reader', 'here'),
  bind('matrix-pods', 'watchman'),
  bind('matrix-logs', 'logger', 'here'),
  bind('matrix-named', 'named', 'here'),
  bind('matrix-scale', 'scaler', 'here'),
  bind('matrix-paths', 'prober'),
  bind('matrix-paths', 'misplaced', 'here'),
  bind('admin', 'boss', 'here'),
  bind('view', 'viewer', 'here'),
  bind('matrix-absent', 'orphan', 'here'),
  bind('matrix-absent', 'twice', 'here'),
  bind('matrix-gone', 'twice', 'here'),
]

const here = '/api/v1/namespaces/here'
const apps = '/apis/apps/v1/namespaces/here'
const in_ = (namespace: string): string => `in API group "" in the namespace "${namespace}"`
const clusterWide = 'in API group "" at the cluster scope'

/** subject, request, undefined for allowed or what follows `User "…" cannot `, and what comes before it. */
type Row = readonly [subject: string, request: string, refusal?: readonly [subject: string, what: string]]

const rows: readonly Row[] = [
  // Verbs
  ['reader', `GET ${here}/pods`],
  ['reader', `GET ${here}/pods/p`],
  ['reader', `GET ${here}/pods?watch=true&timeoutSeconds=1`],
  ['nobody', `GET ${here}/pods`, ['pods', `list resource "pods" ${in_('here')}`]],
  ['nobody', `GET ${here}/pods?watch=1`, ['pods', `watch resource "pods" ${in_('here')}`]],
  ['nobody', `GET /api/v1/watch/namespaces/here/pods`, ['pods', `watch resource "pods" ${in_('here')}`]],
  ['nobody', `GET ${here}/pods/p`, ['pods "p"', `get resource "pods" ${in_('here')}`]],
  ['nobody', `HEAD ${here}/pods/p`, ['', '']],
  ['reader', `POST ${here}/pods`, ['pods', `create resource "pods" ${in_('here')}`]],
  ['reader', `PUT ${here}/pods/p`, ['pods "p"', `update resource "pods" ${in_('here')}`]],
  ['reader', `PATCH ${here}/pods/p`, ['pods "p"', `patch resource "pods" ${in_('here')}`]],
  ['reader', `DELETE ${here}/pods/p`, ['pods "p"', `delete resource "pods" ${in_('here')}`]],
  ['reader', `DELETE ${here}/pods`, ['pods', `deletecollection resource "pods" ${in_('here')}`]],
  // Namespaces and scopes
  ['reader', 'GET /api/v1/namespaces/there/pods', ['pods', `list resource "pods" ${in_('there')}`]],
  ['reader', 'GET /api/v1/pods', ['pods', `list resource "pods" ${clusterWide}`]],
  ['watchman', 'GET /api/v1/pods'],
  ['watchman', 'GET /api/v1/namespaces/there/pods/p'],
  ['watchman', 'GET /api/v1/nodes', ['nodes', `list resource "nodes" ${clusterWide}`]],
  ['watchman', 'GET /api/v1/nodes/n', ['nodes "n"', `get resource "nodes" ${clusterWide}`]],
  ['nobody', `GET ${here}`, ['namespaces "here"', `get resource "namespaces" ${in_('here')}`]],
  ['nobody', 'GET /api/v1/namespaces', ['namespaces', `list resource "namespaces" ${clusterWide}`]],
  ['nobody', 'POST /api/v1/namespaces', ['namespaces', `create resource "namespaces" ${clusterWide}`]],
  ['viewer', `GET ${here}`],
  ['boss', `PATCH ${here}`, ['namespaces "here"', `patch resource "namespaces" ${in_('here')}`]],
  ['boss', `PUT ${here}/finalize`, ['namespaces "here"', `update resource "namespaces/finalize" ${in_('here')}`]],
  // Subresources
  ['reader', `GET ${here}/pods/p/log`, ['pods "p"', `get resource "pods/log" ${in_('here')}`]],
  ['logger', `GET ${here}/pods/p/log`],
  ['logger', `GET ${here}/pods/p`, ['pods "p"', `get resource "pods" ${in_('here')}`]],
  // Who may only read does not run commands, though a WebSocket begins with a GET.
  ['logger', `GET ${here}/pods/p/exec?command=id`, ['pods "p"', '']],
  ['viewer', `GET ${here}/pods/p/attach`, ['pods "p"', `get resource "pods/attach" ${in_('here')}`]],
  ['boss', `GET ${here}/pods/p/exec?command=id`],
  ['logger', `POST ${here}/pods/p/exec?command=id`, ['pods "p"', `create resource "pods/exec" ${in_('here')}`]],
  ['reader', `PUT ${here}/pods/p/status`, ['pods "p"', `update resource "pods/status" ${in_('here')}`]],
  ['reader', `POST ${here}/pods/p/eviction`, ['pods "p"', `create resource "pods/eviction" ${in_('here')}`]],
  [
    'reader',
    `GET ${here}/services/web:80/proxy/a`,
    ['services "web:80"', `get resource "services/proxy" ${in_('here')}`],
  ],
  ['viewer', `POST ${here}/pods/p/portforward`, ['pods "p"', `create resource "pods/portforward" ${in_('here')}`]],
  ['boss', `POST ${here}/pods/p/portforward`],
  ['boss', `GET ${here}/secrets`],
  ['viewer', `GET ${here}/secrets`, ['secrets', `list resource "secrets" ${in_('here')}`]],
  ['boss', `PUT ${here}/pods/p/status`, ['pods "p"', `update resource "pods/status" ${in_('here')}`]],
  ['boss', `PUT ${here}/resourcequotas/q`, ['resourcequotas "q"', `update resource "resourcequotas" ${in_('here')}`]],
  // Groups
  ['scaler', `GET ${apps}/deployments/d/scale`],
  [
    'scaler',
    `GET ${apps}/deployments/d`,
    ['deployments.apps "d"', 'get resource "deployments" in API group "apps" in the namespace "here"'],
  ],
  [
    'scaler',
    `GET ${apps}/statefulsets/s/scale`,
    ['statefulsets.apps "s"', 'get resource "statefulsets/scale" in API group "apps" in the namespace "here"'],
  ],
  [
    'nobody',
    'GET /apis/no.such/v1/namespaces/here/things/t',
    ['things.no.such "t"', 'get resource "things" in API group "no.such" in the namespace "here"'],
  ],
  ['nobody', 'GET /api/v1/things', ['things', 'list resource "things" in API group "" at the cluster scope']],
  // Names
  ['named', `GET ${here}/secrets/mine`],
  ['named', `GET ${here}/secrets/yours`, ['secrets "yours"', `get resource "secrets" ${in_('here')}`]],
  ['named', `GET ${here}/secrets`, ['secrets', `list resource "secrets" ${in_('here')}`]],
  ['named', `GET ${here}/secrets?fieldSelector=metadata.name%3Dmine`],
  ['named', `GET ${here}/secrets?fieldSelector=metadata.name%3D%3Dmine&watch=1&timeoutSeconds=1`],
  [
    'named',
    `GET ${here}/secrets?fieldSelector=metadata.name%3Dyours`,
    ['secrets "yours"', `list resource "secrets" ${in_('here')}`],
  ],
  [
    'named',
    `GET ${here}/secrets?fieldSelector=metadata.name!%3Dmine`,
    ['secrets', `list resource "secrets" ${in_('here')}`],
  ],
  ['named', `POST ${here}/secrets`, ['secrets', `create resource "secrets" ${in_('here')}`]],
  ['named', `DELETE ${here}/secrets`, ['secrets', `deletecollection resource "secrets" ${in_('here')}`]],
  // Paths that are no resources
  ['prober', 'GET /metrics'],
  ['prober', 'GET /healthz/etcd'],
  ['prober', 'GET /metrics/slis', ['', 'get path "/metrics/slis"']],
  ['prober', 'POST /metrics', ['', 'post path "/metrics"']],
  ['misplaced', 'GET /metrics', ['', 'get path "/metrics"']],
  ['nobody', 'GET /api'],
  ['nobody', 'GET /openapi/v3'],
  ['nobody', 'GET /version'],
  ['nobody', 'GET /logs/x', ['', 'get path "/logs/x"']],
  ['system:anonymous', 'GET /api', ['', 'get path "/api"']],
  ['system:anonymous', 'GET /version'],
  ['system:anonymous', `GET ${here}/pods`, ['pods', `list resource "pods" ${in_('here')}`]],
  // Reasons
  [
    'orphan',
    `GET ${here}/pods`,
    ['pods', `list resource "pods" ${in_('here')}: RBAC: clusterrole.${rbac} "matrix-absent" not found`],
  ],
  [
    'twice',
    `GET ${here}/pods`,
    [
      'pods',
      `list resource "pods" ${in_('here')}: RBAC: [clusterrole.${rbac} "matrix-absent" not found, clusterrole.${rbac} "matrix-gone" not found]`,
    ],
  ],
  [
    'system:node:far',
    `GET ${here}/secrets/s`,
    ['secrets "s"', `get resource "secrets" ${in_('here')}: no relationship found between node 'far' and this object`],
  ],
]

export const describeAuthorizationMatrix = (running: () => TestCluster): void => {
  describe('the matrix of authorization', () => {
    let http: Http
    let master: Credentials

    before(async () => {
      const cluster = running()
      http = createHttp(cluster)
      master = pkiCredentials(cluster, 'super-admin')
      const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects })
      await cluster.kubectl.withInput(list, 'apply', '-f', '-')
      await waitFor(async () => (await ask('twice', `GET ${here}/pods`)).status.message?.includes('matrix-gone'), {
        what: 'the last binding to count',
      })
    })

    const ask = (subject: string, request: string): Promise<Answer> => {
      const [method = '', path = ''] = request.split(' ')
      const groups: Readonly<Record<string, string>> = subject.startsWith('system:node:')
        ? { 'impersonate-group': 'system:nodes' }
        : {}
      return http(path, { ...master, method, headers: { 'impersonate-user': subject, ...groups } })
    }

    it('is not got round by another spelling of the path', async () => {
      const { server } = running()
      const { hostname, port } = new URL(server)
      /** Sent as it is: a URL would be set right by the client. */
      const raw = async (path: string): Promise<string> => {
        const request = httpsRequest({
          hostname,
          port,
          path,
          agent: false,
          rejectUnauthorized: false,
          ...master,
          headers: { 'impersonate-user': 'prober' },
        })
        const [response] = (await once(request.end(), 'response')) as [IncomingMessage]
        return `${response.statusCode} ${await text(response)}`
      }
      assert.match(await raw('/metrics'), /^200 [^]*process_cpu_seconds_total/)
      for (const path of [
        '/healthz/../openapi/v2',
        '/healthz/%2e%2e/openapi/v2',
        '/healthz/..%2fopenapi/v2',
        '/healthz/../api/v1/secrets',
        '/healthz/..;/api/v1/secrets',
        '//api/v1/secrets',
        '/./api/v1/secrets',
        '/API/v1/secrets',
        '/api/v1//secrets',
        '/api/v1/secrets/',
        '/api/v1/./secrets',
        '/api/v1/%73ecrets',
        '/api//v1/secrets',
        '/apis/../api/v1/secrets',
        '/api/v1/namespaces/here/../../secrets',
        '/api/v1/namespaces/here/pods/../secrets',
        '/api/v1/watch/secrets',
        '/api/v1/proxy/namespaces/here/secrets',
      ]) {
        assert.match(await raw(path), /^(403|404|301|400) /, path)
      }
    })

    for (const [subject, request, refusal] of rows) {
      it(`${refusal === undefined ? 'allows' : 'refuses'} ${subject} ${request}`, async () => {
        const { code, status } = await ask(subject, request)
        if (refusal === undefined) {
          assert.ok(code !== 403 && code !== 401, `${code}: ${status.message}`)
          return
        }
        assert.equal(code, 403)
        const [what, cannot] = refusal
        // HEAD has no body to read; and who may begin but not go on is told less.
        if (cannot === '') {
          assert.ok(request.startsWith('HEAD ') || status.message === `${what} is forbidden: `)
          return
        }
        const forbidden = what === '' ? 'forbidden' : `${what} is forbidden`
        assert.equal(status.message, `${forbidden}: User ${JSON.stringify(subject)} cannot ${cannot}`)
        assert.equal(status.reason, 'Forbidden')
        const [, resource = '', name] = /^([^" ]+)(?: "(.*)")?$/.exec(what) ?? []
        const dot = resource.indexOf('.')
        const group = dot < 0 ? {} : { group: resource.slice(dot + 1) }
        const kind = dot < 0 ? resource : resource.slice(0, dot)
        assert.deepEqual(status.details, what === '' ? {} : { ...(name === undefined ? {} : { name }), ...group, kind })
      })
    }
  })
}
