import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:https'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { after, before, describe, it } from 'node:test'
import { WebSocket } from 'ws'
import type { Pod } from '../../api/types.ts'
import { createLogger } from '../../component-base/logging/logger.ts'
import { type CertificatePair, createCa, issueCertificate } from '../../component-base/pki/certificates.ts'
import type { KubeletServerBackend } from './backend.ts'
import { UnsupportedError } from '../runtime/runtime-service.ts'
import { createKubeletServer, type KubeletServer } from './server.ts'

const pod: Pod = {
  metadata: { name: 'web', namespace: 'default', uid: 'u1' },
  spec: { containers: [{ name: 'c' }] },
  status: {
    containerStatuses: [
      {
        name: 'c',
        image: '',
        imageID: '',
        ready: true,
        restartCount: 0,
        containerID: 'docker://id',
        state: { running: {} },
      },
    ],
  },
}

let debuggingHandlers = true
let hasCheckpoints = true

const backend: KubeletServerBackend = {
  get debuggingHandlers() {
    return debuggingHandlers
  },
  servesNodeLogs: true,
  getPods: () => [pod],
  getPod: (namespace, name) => (namespace === 'default' && name === 'web' ? pod : undefined),
  runningPods: async () => [pod],
  findRunningContainer: async (_pod, name) => (name === 'c' ? 'id' : undefined),
  containerLogs: async () =>
    (async function* () {
      yield Buffer.from('first line\n')
      yield Buffer.from('second line\n')
    })(),
  exec: async (_container, command, { stdout }) => {
    stdout?.write(command.join(' '))
    return 7
  },
  attach: (_container, _streams, signal) =>
    new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('gone')))),
  checkpoint: async () => {
    if (!hasCheckpoints) throw new UnsupportedError('no such function')
    return '/checkpoints/c.tar'
  },
  dialPod: async () => new PassThrough(),
  statsSummary: async () => ({ pods: [] }),
  metrics: async (path) => (path === '/metrics' ? 'up 1\n' : undefined),
  configz: () => ({}),
  healthChecks: {
    syncloop: () => {
      throw new Error('stuck')
    },
  },
}

describe('kubelet server', () => {
  let server: KubeletServer
  let port = 0
  let clients: Record<'admin' | 'viewer' | 'stranger', CertificatePair>

  before(async () => {
    const ca = await createCa('kubernetes')
    const certificate = (commonName: string, usage: 'client' | 'server', authority = ca) =>
      issueCertificate(authority, { commonName, ips: ['127.0.0.1'], usages: [usage], days: 1 })
    const serving = await certificate('node-1', 'server')
    clients = {
      admin: await certificate('admin', 'client'),
      viewer: await certificate('viewer', 'client'),
      stranger: await certificate('admin', 'client', await createCa('elsewhere')),
    }
    server = createKubeletServer({
      tls: { cert: Buffer.from(serving.certPem), key: Buffer.from(serving.keyPem), ca: Buffer.from(ca.certPem) },
      backend,
      authorize: ({ name }, verb, subresource) => name === 'admin' || (verb === 'get' && subresource === 'metrics'),
      authenticateToken: async (token) => (token === 'good' ? { name: 'viewer', groups: [] } : undefined),
      log: createLogger('kubelet'),
      streamingIdleTimeoutMs: 200,
    })
    port = await server.listen('127.0.0.1', 0)
  })
  after(() => server.close())

  const get = async (path: string, client?: CertificatePair, headers = {}) => {
    const identity = client === undefined ? {} : { cert: client.certPem, key: client.keyPem }
    const [response] = await once(
      request({ host: '127.0.0.1', port, path, headers, rejectUnauthorized: false, agent: false, ...identity }).end(),
      'response',
    )
    return { code: response.statusCode as number, body: await text(response) }
  }

  it('wants a certificate of the cluster or a token, for every path', async () => {
    assert.deepEqual(await get('/healthz'), { code: 401, body: 'Unauthorized' })
    assert.equal((await get('/pods', clients.stranger)).code, 401)
    assert.equal((await get('/metrics', undefined, { authorization: 'Bearer bad' })).code, 401)
    assert.deepEqual(await get('/metrics', undefined, { authorization: 'Bearer good' }), { code: 200, body: 'up 1\n' })
  })

  it('asks the authorizer and says what was missing', async () => {
    assert.deepEqual(await get('/pods', clients.viewer), {
      code: 403,
      body: 'Forbidden (user=viewer, verb=get, resource=nodes, subresource(s)=[pods proxy])\n',
    })
    assert.equal(JSON.parse((await get('/pods', clients.admin)).body).kind, 'PodList')
  })

  it('answers 405 for debugging where the configuration has no such handlers', async () => {
    debuggingHandlers = false
    try {
      assert.deepEqual(await get('/runningpods/', clients.admin), {
        code: 405,
        body: 'Debug endpoints are disabled.\n',
      })
      assert.equal((await get('/run/default/web/c?cmd=ls', clients.viewer)).code, 403)
      assert.equal((await get('/pods', clients.admin)).code, 200)
    } finally {
      debuggingHandlers = true
    }
  })

  it('makes checkpoints where the runtime can', async () => {
    const checkpoint = (rest: string) => get(`/checkpoint/default/${rest}`, clients.admin)
    assert.deepEqual(JSON.parse((await checkpoint('web/c')).body), { items: ['/checkpoints/c.tar'] })
    assert.deepEqual(await checkpoint('web/x'), { code: 404, body: 'container x does not exist' })
    assert.deepEqual(await checkpoint('none/c'), { code: 404, body: 'pod does not exist' })
    hasCheckpoints = false
    assert.deepEqual(await checkpoint('web/c'), {
      code: 501,
      body: 'checkpointing of default/web/c failed (no such function)',
    })
  })

  it('reports an unhealthy part with 500', async () => {
    const { code, body } = await get('/healthz', clients.admin)
    assert.equal(code, 500)
    assert.match(body, /\[-\]syncloop failed/)
  })

  it('serves logs, cut at limitBytes, and upstream errors', async () => {
    const logs = (rest: string) => get(`/containerLogs/default/${rest}`, clients.admin)
    assert.deepEqual(await logs('web/c'), { code: 200, body: 'first line\nsecond line\n' })
    assert.deepEqual(await logs('web/c?limitBytes=14'), { code: 200, body: 'first line\nsec' })
    assert.deepEqual(await logs('nope/c'), { code: 404, body: 'pod "nope" does not exist' })
    assert.deepEqual(await logs('web/x'), { code: 404, body: 'container "x" not found in pod "web"' })
    assert.deepEqual(await logs('web/c?previous=true'), {
      code: 400,
      body: 'previous terminated container "c" in pod "web" not found',
    })
    assert.equal((await logs('web/c?tailLines=-1')).code, 422)
  })

  const exec = async (path: string) => {
    const { certPem: cert, keyPem: key } = clients.admin
    const socket = new WebSocket(`wss://127.0.0.1:${port}${path}`, 'v5.channel.k8s.io', {
      cert,
      key,
      rejectUnauthorized: false,
    })
    const channels: Record<number, string> = {}
    socket.on('message', (data: Buffer) => (channels[data[0] ?? -1] = data.toString('utf8', 1)))
    await once(socket, 'close')
    return channels
  }

  it('runs a command and tells its exit code', async () => {
    const { 1: stdout, 3: status } = await exec('/exec/default/web/c?command=ls&command=-l&output=1')
    assert.equal(stdout, 'ls -l')
    assert.deepEqual(JSON.parse(status ?? ''), {
      metadata: {},
      status: 'Failure',
      message: 'command terminated with non-zero exit code: error executing command [ls -l], exit code 7',
      reason: 'NonZeroExitCode',
      details: { causes: [{ reason: 'ExitCode', message: '7' }] },
    })
  })

  it('cuts a stream on which nothing is said', async () => {
    assert.deepEqual(await exec('/attach/default/web/c?output=1'), {})
  })

  it('answers an exec that cannot be with HTTP', async () => {
    await assert.rejects(exec('/exec/default/web/x?command=ls&output=1'), /500/)
    await assert.rejects(exec('/exec/default/web/u2/c?command=ls&output=1'), /404/)
    await assert.rejects(exec('/exec/default/web/c?command=ls'), /400/)
    assert.deepEqual(await get('/exec/default/web/c?command=ls&output=1', clients.admin), {
      code: 400,
      body: 'Upgrade request required',
    })
  })
})
