/** Which server a name leads to, and what is said where it leads to none. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createCa, issueCertificate } from '../../../component-base/pki/certificates.ts'
import { startBackend } from './backend.ts'
import { createNode, createPod, createService, nodes, pods, services, type World } from './world.ts'

/** `503 ServiceUnavailable message`. */
const refusal = async ({ client }: World, path: string): Promise<string> => {
  const { code, status } = await client.ask(path)
  return `${code} ${status.reason ?? ''} ${status.message ?? ''}`
}

export const describeTargets = (running: () => World): void => {
  describe('names', () => {
    it('lead to Pods by port and by scheme', async () => {
      const { client, plain, tls } = running()
      for (const [name, isTls] of [
        ['web', false],
        [`web:${plain.port}`, false],
        [`http:web:${plain.port}`, false],
        ['http:web:', false],
        ['https:secure:', true],
        [`https:secure:${tls.port}`, true],
      ] as const) {
        const { code, seen } = await client.ask(`${pods}/${name}/proxy/n`)
        assert.deepEqual([code, seen.url, seen.tls], [200, '/n', isTls], name)
      }
    })

    it('lead to Services by the name and the number of a port', async () => {
      const { client } = running()
      for (const [name, isTls] of [
        ['web:first', false],
        ['web:80', false],
        ['web:second', false],
        ['http:web:8080', false],
        ['single', false],
        ['single:80', false],
        ['http:single:', false],
        ['https:secure:tls', true],
        ['https:secure:443', true],
      ] as const) {
        const { code, seen, text } = await client.ask(`${services}/${name}/proxy/n?q`)
        assert.deepEqual([code, seen.url, seen.tls], [200, '/n?q', isTls], `${name}: ${text}`)
      }
    })

    it('lead to kubelets as the API server, and to other ports of a node as nobody', async () => {
      const { client, kubelet, plain, http } = running()
      for (const name of ['fake', `fake:${kubelet.port}`, `https:fake:${kubelet.port}`, `http:fake:`]) {
        const { code, seen, text } = await client.ask(`${nodes}/${name}/proxy/stats/summary?only_cpu=true`)
        assert.equal(code, 200, text)
        assert.deepEqual([seen.url, seen.client], ['/stats/summary?only_cpu=true', 'kube-apiserver-kubelet-client'])
      }
      await createNode(http, 'outside', plain.host, 10250)
      const { seen } = await client.ask(`${nodes}/outside:${plain.port}/proxy/metrics`)
      assert.deepEqual([seen.url, seen.tls, seen.client], ['/metrics', false, ''])
    })

    it('that lead nowhere say so as upstream does', async () => {
      const world = running()
      const { http, plain, kubelet } = world
      await createPod(http, 'local', '127.0.0.1', 80)
      await createService(http, 'nobody', { selector: { app: 'nobody' }, ports: [{ name: 'p', port: 80 }] })
      await createService(http, 'manual', { ports: [{ port: 80 }] })
      const manual = {
        apiVersion: 'v1',
        kind: 'Endpoints',
        metadata: { name: 'manual' },
        subsets: [{ addresses: [{ ip: plain.host }], ports: [{ port: plain.port }] }],
      }
      assert.equal((await http('/api/v1/namespaces/default/endpoints', { method: 'POST', body: manual })).code, 201)
      await createNode(http, 'nowhere', '', 1)
      await createNode(http, 'down', '127.0.0.1', 1)
      const cases: readonly (readonly [string, string | RegExp])[] = [
        [`${pods}/absent/proxy/`, '404 NotFound pods "absent" not found'],
        [`${pods}/local/proxy/`, '400 BadRequest address not allowed'],
        [`${pods}/ftp:web:80/proxy/`, '400 BadRequest invalid pod request "ftp:web:80"'],
        [`${pods}/:80/proxy/`, '400 BadRequest invalid pod request ":80"'],
        [
          `${pods}/web:1/proxy/`,
          `503 ServiceUnavailable error trying to reach service: dial tcp ${plain.host}:1: connect: connection refused`,
        ],
        [
          `${pods}/https:web:/proxy/`,
          '503 ServiceUnavailable error trying to reach service: http: server gave HTTP response to HTTPS client',
        ],
        [`${services}/a:b:c:d/proxy/`, '400 BadRequest invalid service request "a:b:c:d"'],
        [`${services}/absent:80/proxy/`, '404 NotFound services "absent" not found'],
        [`${services}/absent/proxy/`, '404 NotFound endpoints "absent" not found'],
        [`${services}/web:81/proxy/`, '503 ServiceUnavailable no service port 81 found for service "web"'],
        [`${services}/web:third/proxy/`, '503 ServiceUnavailable no endpoints available for service "web:third"'],
        [`${services}/web/proxy/`, '503 ServiceUnavailable no endpoints available for service "web"'],
        [
          `${services}/http:manual:80/proxy/`,
          '503 ServiceUnavailable no endpoints available for service "http:manual:80"',
        ],
        [`${nodes}/absent/proxy/`, '404 NotFound nodes "absent" not found'],
        [`${nodes}/nowhere/proxy/`, '500  no preferred addresses found; known addresses: []'],
        [`${nodes}/fake:${plain.port}/proxy/`, '400 BadRequest address not allowed'],
        [
          `${nodes}/down/proxy/`,
          '503 ServiceUnavailable error trying to reach service: dial tcp 127.0.0.1:1: connect: connection refused',
        ],
        [`${nodes}/ftp:fake:${kubelet.port}/proxy/`, /^400 BadRequest invalid node request "ftp:fake:\d+"$/],
      ]
      for (const [path, expected] of cases) {
        const told = await refusal(world, path)
        if (typeof expected === 'string') assert.equal(told, expected, path)
        else assert.match(told, expected, path)
      }
      const empty = await refusal(world, `${services}/nobody:p/proxy/`)
      assert.match(
        empty,
        /^(503 ServiceUnavailable no endpoints available for service|404 NotFound endpoints) "nobody"/,
      )
    })

    it('of kubelets that another CA vouches for lead nowhere', async () => {
      const world = running()
      const ca = await createCa('other')
      const pair = await issueCertificate(ca, { commonName: 'k', ips: ['127.0.0.1'], usages: ['server'], days: 1 })
      await using impostor = await startBackend('127.0.0.1', { cert: pair.certPem, key: pair.keyPem })
      await createNode(world.http, 'impostor', '127.0.0.1', impostor.port)
      assert.match(
        await refusal(world, `${nodes}/impostor/proxy/`),
        /^503 ServiceUnavailable error trying to reach service: tls: failed to verify certificate: x509: certificate signed by unknown authority$/,
      )
    })

    it('of a backend that hangs up are an error', async () => {
      const world = running()
      world.plain.answers.set('/hangup', (request) => request.socket.destroy())
      assert.equal(
        await refusal(world, `${pods}/web/proxy/hangup`),
        '503 ServiceUnavailable error trying to reach service: EOF',
      )
    })

    it('in 16 shapes, 20 of each at once, are all answered', async () => {
      const { client, plain, tls } = running()
      const shapes = [
        `${pods}/web/proxy/`,
        `${pods}/web:${plain.port}/proxy/`,
        `${pods}/http:web:/proxy/`,
        `${pods}/http:web:${plain.port}/proxy/`,
        `${pods}/https:secure:/proxy/`,
        `${pods}/https:secure:${tls.port}/proxy/`,
        `${services}/single/proxy/`,
        `${services}/single:80/proxy/`,
        `${services}/http:single:/proxy/`,
        `${services}/web:first/proxy/`,
        `${services}/web:80/proxy/`,
        `${services}/http:web:second/proxy/`,
        `${services}/http:web:8080/proxy/`,
        `${services}/https:secure:tls/proxy/`,
        `${services}/https:secure:443/proxy/`,
        `${nodes}/fake/proxy/`,
      ]
      const wanted = shapes.flatMap((shape) => Array.from({ length: 20 }, (_, index) => `${shape}?n=${index}`))
      const got = await Promise.all(wanted.map(async (path) => ({ path, answer: await client.ask(path) })))
      for (const { path, answer } of got) {
        assert.equal(answer.code, 200, `${path}: ${answer.text}`)
        assert.equal(answer.seen.url, `/?${path.split('?')[1]}`)
      }
    })
  })
}
