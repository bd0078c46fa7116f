/** Requests for a group that another server has: as their user, with the main server's permissions, streams included. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { before, describe, it } from 'node:test'
import { readFileSync } from 'node:fs'
import { connect } from 'node:tls'
import { join } from 'node:path'
import { createHttp, type Http, pkiCredentials } from '../../harness/http.ts'
import type { Kubectl } from '../../harness/kubectl.ts'
import { waitFor } from '../../harness/wait.ts'
import { startWatch } from '../matrix/watch-reader.ts'
import type { World } from './world.ts'

interface WhoAmI {
  readonly user: {
    readonly username: string
    readonly groups: readonly string[]
    readonly extra: Readonly<Record<string, readonly string[]>>
  }
  readonly headers: Readonly<Record<string, readonly string[]>>
}

interface AuditEvent {
  readonly stage: string
  readonly responseStatus: { readonly code: number }
  readonly objectRef: object
}

export const describeProxying = (running: () => World): void => {
  describe('an aggregated server', () => {
    let kubectl: Kubectl
    let http: Http
    let base: string
    const flunder = (name: string): object => ({
      apiVersion: 'wardle.example.com/v1alpha1',
      kind: 'Flunder',
      metadata: { name },
      spec: {},
    })
    const create = (name: string): Promise<string> =>
      kubectl.withInput(JSON.stringify(flunder(name)), 'create', '-f', '-')

    before(() => {
      const { cluster, extension } = running()
      ;({ kubectl } = cluster)
      http = createHttp(cluster, pkiCredentials(cluster, 'admin'))
      base = `/apis/${extension.group}/${extension.version}`
    })

    it('is used by kubectl like the API server itself', async () => {
      await create('one')
      await create('two')
      assert.match(await kubectl('get', 'fl', '-A'), /default +one +.*\ndefault +two /)
      assert.match(await kubectl('api-resources', '--api-group=wardle.example.com'), /flunders +fl +wardle.example.com/)
      assert.match((await kubectl.run(['get', 'fl', 'three'])).stderr, /flunders "three" not found/)
      await kubectl('delete', 'fl', 'two')
      assert.match(await kubectl('explain', 'flunder.spec.reference'), /What it refers to\./)
    })

    it('is watched through', async () => {
      const watch = await startWatch(running().cluster, `${base}/namespaces/default/flunders?watch=true`)
      await create('watched')
      assert.equal((await watch.until('ADDED'))[0]?.object.metadata?.name, 'watched')
      await kubectl('delete', 'fl', 'watched')
      await watch.until('DELETED')
      watch.close()
    })

    it('learns who the user is from us, and from nobody else', async () => {
      const forged = {
        'X-Remote-User': 'system:admin',
        'X-Remote-Group': 'system:masters',
        'X-Remote-Extra-Forged': 'yes',
        'X-Remote-Uid': 'forged',
        Connection: 'keep-alive, X-Remote-User, X-Remote-Group',
        Authorization: 'Bearer of-the-client',
        'Impersonate-User': 'jane',
        'Impersonate-Group': 'developers',
        'Impersonate-Uid': 'uid-of-jane',
        'Impersonate-Extra-Scopes': 'all of them',
      }
      await kubectl.withInput(
        JSON.stringify({
          apiVersion: 'v1',
          kind: 'List',
          items: [
            {
              apiVersion: 'rbac.authorization.k8s.io/v1',
              kind: 'ClusterRole',
              metadata: { name: 'whoami' },
              rules: [{ apiGroups: ['wardle.example.com'], resources: ['whoami', 'flunders'], verbs: ['get', 'list'] }],
            },
            {
              apiVersion: 'rbac.authorization.k8s.io/v1',
              kind: 'ClusterRoleBinding',
              metadata: { name: 'whoami' },
              roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'whoami' },
              subjects: [{ kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name: 'developers' }],
            },
          ],
        }),
        'apply',
        '-f',
        '-',
      )
      const { code, json, text } = await http(`${base}/whoami`, { headers: forged })
      assert.equal(code, 200, text)
      const { user, headers } = json as unknown as WhoAmI
      assert.deepEqual(user, {
        username: 'jane',
        uid: 'uid-of-jane',
        groups: ['developers', 'system:authenticated', 'system:authenticated'],
        extra: { scopes: ['all of them'] },
      })
      assert.deepEqual(headers['x-remote-user'], ['jane'])
      assert.deepEqual(headers['authorization'], undefined)
      assert.deepEqual(
        Object.keys(headers).filter((name) => name.startsWith('impersonate-')),
        [],
      )
      assert.match(headers['x-forwarded-for']?.[0] ?? '', /127\.0\.0\.1$/)
      assert.equal(headers['audit-id']?.length, 1)
    })

    it('is asked only for what the user may', async () => {
      const as = (name: string) => ({ headers: { 'Impersonate-User': name } })
      const refused = await http(`${base}/namespaces/default/flunders`, as('nobody'))
      assert.equal(refused.code, 403)
      assert.match(
        refused.status.message ?? '',
        /flunders\.wardle\.example\.com is forbidden: User "nobody" cannot list/,
      )
      const anonymous = await createHttp(running().cluster)(`${base}/namespaces/default/flunders`)
      assert.ok(anonymous.code === 401 || anonymous.code === 403)
    })

    it('is told whom to believe, whoever has tampered with that', async () => {
      const configMap = ['-n', 'kube-system', 'configmap', 'extension-apiserver-authentication'] as const
      type Facts = { readonly data?: Readonly<Record<string, string>> }
      const data = async () => (await kubectl.json<Facts>('get', ...configMap)).data ?? {}
      const before = await data()
      assert.equal(before['requestheader-allowed-names'], '["front-proxy-client"]')
      assert.match(before['client-ca-file'] ?? '', /^-----BEGIN CERTIFICATE-----/)
      await kubectl('delete', ...configMap)
      await waitFor(async () => (await data())['client-ca-file'] === before['client-ca-file'], {
        what: 'it to be back',
      })
      const patch = { data: { 'requestheader-allowed-names': '["another"]', 'requestheader-username-headers': null } }
      await kubectl('patch', ...configMap, '--type=merge', '-p', JSON.stringify(patch))
      const mended = await waitFor(
        async () => {
          const facts = await data()
          return facts['requestheader-username-headers'] === '["X-Remote-User"]' ? facts : undefined
        },
        { what: 'it to be mended' },
      )
      assert.equal(mended['requestheader-allowed-names'], '["another","front-proxy-client"]')
    })

    it('has its objects collected with their owners and their namespace', async () => {
      const names = async () => await kubectl('get', 'fl', '-A', '-o', 'name')
      await kubectl('create', 'configmap', 'owner')
      const { metadata } = await kubectl.json<{ metadata: { uid: string } }>('get', 'configmap', 'owner')
      const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: metadata.uid }
      const owned = { ...flunder('owned'), metadata: { name: 'owned', ownerReferences: [reference] } }
      await kubectl.withInput(JSON.stringify(owned), 'create', '-f', '-')
      await kubectl('delete', 'configmap', 'owner')
      await waitFor(async () => !(await names()).includes('owned'), { what: 'the owned flunder to be collected' })
      await kubectl('create', 'namespace', 'flunders')
      await kubectl.withInput(JSON.stringify(flunder('inside')), 'create', '-n', 'flunders', '-f', '-')
      await kubectl('delete', 'namespace', 'flunders')
      assert.doesNotMatch(await names(), /inside/)
    })

    it('is audited by us', async () => {
      const { headers } = await http(`${base}/namespaces/default/flunders/absent`)
      const file = join(running().cluster.layout.logs, 'audit.log')
      const event = await waitFor(
        () => {
          const lines = readFileSync(file, 'utf8').split('\n')
          const events = lines.filter((line) => line.includes(String(headers['audit-id'])))
          return events.map((line) => JSON.parse(line) as AuditEvent).find(({ stage }) => stage === 'ResponseComplete')
        },
        { what: 'the event' },
      )
      assert.equal(event.responseStatus.code, 404)
      assert.deepEqual(event.objectRef, {
        resource: 'flunders',
        namespace: 'default',
        name: 'absent',
        apiGroup: 'wardle.example.com',
        apiVersion: 'v1alpha1',
      })
    })

    it('cannot send clients elsewhere (CVE-2022-3172)', async () => {
      const { code, text, headers } = await http(`${base}/elsewhere`)
      assert.equal(code, 502)
      assert.equal(text, 'the backend attempted to redirect this request, which is not permitted')
      assert.equal(headers['location'], undefined)
    })

    it('may upgrade the connection', async () => {
      const { cluster } = running()
      const { cert, key } = pkiCredentials(cluster, 'admin')
      const { hostname, port } = new URL(cluster.server)
      const ca = readFileSync(join(cluster.layout.pki, 'ca.crt'))
      const socket = connect({ host: hostname, port: Number(port), ca, ...(cert && key ? { cert, key } : {}) })
      await once(socket, 'secureConnect')
      let received = ''
      socket.setEncoding('utf8').on('data', (text: string) => {
        received += text
      })
      const until = async (wanted: RegExp): Promise<void> => {
        while (!wanted.test(received)) await once(socket, 'data')
      }
      socket.write(
        `GET ${base}/namespaces/default/flunders/one/echo HTTP/1.1\r\nHost: ${hostname}\r\nX-Remote-User: forged\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n`,
      )
      await until(/^HTTP\/1\.1 101 Switching Protocols\r\n[^]*\r\n\r\nkubernetes-admin\n/)
      socket.write('there and back')
      await until(/there and back$/)
      socket.end()
      await once(socket, 'close')
    })
  })
}
