/** etcd-lite's flags, environment and configuration file, seen from outside of its process. */
import 'reflect-metadata' // x509 looks for it when it is loaded
import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { request as httpRequest, type RequestOptions } from 'node:http'
import { request as httpsRequest, type RequestOptions as SecureOptions } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { connect as tlsConnect } from 'node:tls'
import * as x509 from '@peculiar/x509'
import { EtcdClient } from '../../component-base/etcd/client.ts'
import { createCa, issueCertificate } from '../../component-base/pki/certificates.ts'
import { projectRoot } from '../../deploy/layout.ts'
import { etcdVersion } from '../../etcd-lite/version.ts'
import { type CommandResult, type RunningCommand, runCommand, startCommand } from '../harness/command.ts'
import { restartablePort } from '../../testing/ports.ts'
import { waitFor } from '../harness/wait.ts'

const main = join(projectRoot, 'etcd-lite/main.ts')
const root = mkdtempSync(join(tmpdir(), 'kubets-etcd-flags-'))
after(() => rmSync(root, { recursive: true, force: true }))

let directories = 0
const newDir = (): string => join(root, `data-${directories++}`)

const ended = (...args: readonly string[]): Promise<CommandResult> => runCommand(process.execPath, [main, ...args])

/** Starts a server; resolves when it serves. */
const started = async (
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<RunningCommand> => {
  const command = startCommand(process.execPath, [main, ...args], { env })
  await waitFor(() => command.stderr().includes('ready to serve') || command.stdout().includes('ready to serve'), {
    what: 'a server that is ready',
  })
  return command
}

/** With a data directory, listening at and advertising these URLs. */
const at = (url: string, dataDir = newDir()): string[] => [
  `--data-dir=${dataDir}`,
  `--listen-client-urls=${url}`,
  '--advertise-client-urls=http://localhost:2379',
]

interface Answer {
  readonly status: number
  readonly body: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

const ask = (options: RequestOptions | SecureOptions, body?: string): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const make = 'ca' in options ? httpsRequest : httpRequest
    const request = make({ ...options, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text, headers: response.headers }))
    })
    request.on('error', reject)
    request.end(body)
  })

const localUrl = async (scheme = 'http'): Promise<{ readonly url: string; readonly port: number }> => {
  const port = await restartablePort()
  return { url: `${scheme}://127.0.0.1:${port}`, port }
}

describe('what ends at once', () => {
  it('--version is told in etcd’s shape, --help names every flag', async () => {
    const version = await ended('--version')
    assert.equal(version.code, 0)
    assert.match(version.stdout, /^etcd Version: (.*)\nGit SHA: .*\nGo Version: .*\nGo OS\/Arch: linux\/\w+\n$/)
    assert.equal(version.stdout.split('\n')[0], `etcd Version: ${etcdVersion}`)
    const help = await ended('-h')
    assert.equal(help.code, 0)
    for (const flag of ['listen-client-urls', 'client-crl-file', 'experimental-compact-hash-check-time']) {
      assert.match(help.stdout, new RegExp(`^  --${flag} `, 'm'))
    }
  })

  it('a bad flag is told in one line, with the exit code of etcd', async () => {
    assert.deepEqual(await ended('--nope'), {
      code: 2,
      stdout: '',
      stderr: "Error: flag provided but not defined: -nope (see 'etcd --help')\n",
    })
    assert.equal((await ended('--listen-client-urls=http://127.0.0.1:1')).code, 1)
  })

  it('a port that somebody has, and a directory that somebody uses', async () => {
    const { url } = await localUrl()
    const dataDir = newDir()
    await using server = await started(at(url, dataDir))
    const port = await ended(...at(url))
    assert.deepEqual([port.code, port.stderr], [1, `Error: listen tcp ${url.slice(7)}: bind: address already in use\n`])
    const directory = await ended(...at('http://127.0.0.1:0', dataDir))
    assert.equal(directory.code, 1)
    assert.match(directory.stderr, /^Error: .*is in use by another process\n$/)
    assert.equal(server.child.exitCode, null)
  })

  it('certificates that cannot be read, or are no pair', async () => {
    const secure = at('https://127.0.0.1:0')
    const missing = await ended(...secure, '--cert-file=/nowhere/cert', '--key-file=/nowhere/key')
    assert.equal(missing.code, 1)
    assert.match(missing.stderr, /^Error: cannot use the TLS files: ENOENT.*\n$/)
    const [one, two] = [await createCa('one'), await createCa('two')]
    writeFileSync(join(root, 'one.crt'), one.certPem)
    writeFileSync(join(root, 'two.key'), two.keyPem)
    const mixed = await ended(...secure, `--cert-file=${root}/one.crt`, `--key-file=${root}/two.key`)
    assert.equal(mixed.code, 1)
    assert.match(mixed.stderr, /^Error: cannot use the TLS files: .*\n$/)
  })
})

describe('addresses', () => {
  it('may be Unix sockets, also where a killed process left one', async () => {
    const socketPath = join(root, 'etcd.sock')
    const flags = at(`unix://${socketPath}`)
    for (let i = 0; i < 2; i++) {
      await using server = await started(flags)
      assert.equal((await ask({ socketPath, path: '/health' })).body, '{"health":"true","reason":""}')
      server.child.kill('SIGKILL')
      await server.ended
      assert.ok(existsSync(socketPath))
    }
  })

  it('of HTTP alone take HTTP away from the client URLs', async () => {
    const [grpc, http] = [await localUrl(), await localUrl()]
    await using server = await started([...at(grpc.url), `--listen-client-http-urls=${http.url}`])
    assert.match(server.stderr(), /ready/)
    assert.equal((await ask({ port: http.port, path: '/version' })).status, 200)
    assert.equal((await ask({ port: http.port, path: '/v3/kv/range', method: 'POST' }, '{"key":"YQ=="}')).status, 200)
    await assert.rejects(ask({ port: grpc.port, path: '/version' }))
    using client = new EtcdClient({ endpoints: [grpc.url] })
    await client.put({ key: Buffer.from('a') })
    using wrong = new EtcdClient({ endpoints: [http.url] })
    await assert.rejects(wrong.put({ key: Buffer.from('a') }))
  })

  it('of metrics have metrics and health, and nothing else', async () => {
    const metrics = await localUrl()
    await using server = await started([...at('http://127.0.0.1:0'), `--listen-metrics-urls=${metrics.url}`])
    assert.match(server.stderr(), /ready/)
    const get = (path: string): Promise<Answer> => ask({ port: metrics.port, path })
    assert.match((await get('/metrics')).body, /^etcd_server_has_leader 1$/m)
    assert.equal((await get('/health')).status, 200)
    assert.equal((await get('/v3/kv/range')).status, 404)
  })
})

describe('HTTP', () => {
  it('has checks of health, one by one and with words', async () => {
    const { url, port } = await localUrl()
    await using server = await started(at(url))
    assert.match(server.stderr(), /ready/)
    const get = async (path: string): Promise<[number, string]> => {
      const { status, body } = await ask({ port, path })
      return [status, body]
    }
    assert.deepEqual(await get('/livez'), [200, 'ok\n'])
    assert.deepEqual(await get('/livez?verbose'), [200, '[+]serializable_read ok\nok\n'])
    assert.deepEqual(await get('/readyz/linearizable_read'), [200, 'ok\n'])
    assert.deepEqual(await get('/readyz/nope'), [404, '404 page not found\n'])
    const [, verbose] = await get('/readyz?verbose&exclude=linearizable_read')
    assert.deepEqual(verbose.split('\n').toSorted(), [
      '',
      '[+]data_corruption ok',
      '[+]non_learner ok',
      '[+]serializable_read ok',
      'ok',
    ])
    const raise = '{"action":"ACTIVATE","alarm":"NOSPACE"}'
    assert.equal((await ask({ port, path: '/v3/maintenance/alarm', method: 'POST' }, raise)).status, 200)
    assert.deepEqual(await get('/health'), [503, '{"health":"false","reason":"ALARM NOSPACE"}\n'])
    assert.deepEqual(await get('/health?serializable=true&exclude=NOSPACE'), [200, '{"health":"true","reason":""}'])
    assert.deepEqual(await get('/readyz'), [200, 'ok\n'])
    assert.deepEqual(Object.keys(JSON.parse((await get('/debug/vars'))[1]) as object), [
      'cmdline',
      'file_descriptor_limit',
      'memstats',
    ])
  })

  it('lets in the hosts and origins of its lists, and has no gateway when that is turned off', async () => {
    const { url, port } = await localUrl()
    const flags = ['--cors=http://good', '--host-whitelist=localhost', '--enable-grpc-gateway=false']
    await using server = await started([...at(url), ...flags])
    assert.match(server.stderr(), /ready/)
    const get = (headers: Record<string, string>): Promise<Answer> => ask({ port, path: '/version', headers })
    assert.equal((await get({ host: 'evil' })).status, 421)
    const good = await get({ host: 'localhost:1', origin: 'http://good' })
    assert.deepEqual([good.status, good.headers['access-control-allow-origin']], [200, 'http://good'])
    assert.equal(
      (await get({ host: 'localhost', origin: 'http://bad' })).headers['access-control-allow-origin'],
      undefined,
    )
    const gateway = await ask({ port, path: '/v3/kv/range', method: 'POST', headers: { host: 'localhost' } }, '{}')
    assert.equal(gateway.status, 404)
  })
})

describe('TLS', () => {
  it('--auto-tls makes a certificate once and keeps it, its key for nobody else', async () => {
    const { url, port } = await localUrl('https')
    const dataDir = newDir()
    const flags = [...at(url, dataDir), '--auto-tls']
    const file = (name: string): string => join(dataDir, 'fixtures/client', name)
    let first = ''
    for (let i = 0; i < 2; i++) {
      await using server = await started(flags)
      assert.match(server.stderr(), /ready/)
      const cert = readFileSync(file('cert.pem'), 'utf8')
      assert.equal(statSync(file('key.pem')).mode & 0o777, 0o600)
      first ||= cert
      assert.equal(cert, first)
      const { status } = await ask({ port, path: '/health', ca: cert, rejectUnauthorized: false })
      assert.equal(status, 200)
    }
  })

  it('keeps out revoked certificates, those of other hosts, and old versions', async () => {
    const ca = await createCa('flags-ca')
    const issue = (commonName: string, dnsNames: string[] = []) =>
      issueCertificate(ca, { commonName, dnsNames, ips: ['127.0.0.1'], usages: ['client', 'server'], days: 1 })
    const server = await issue('server', ['localhost'])
    const [good, revoked, stranger] = [
      await issue('good', ['good.example']),
      await issue('revoked', ['good.example']),
      await issue('stranger', ['bad.example']),
    ]
    const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
    const caCert = new x509.X509Certificate(ca.certPem)
    const der = Buffer.from(ca.keyPem.replaceAll(/-----.*-----|\n/g, ''), 'base64')
    const crl = await x509.X509CrlGenerator.create({
      issuer: caCert.subject,
      thisUpdate: new Date(Date.now() - 60_000),
      nextUpdate: new Date(Date.now() + 600_000),
      entries: [{ serialNumber: new x509.X509Certificate(revoked.certPem).serialNumber }],
      signingAlgorithm: algorithm,
      signingKey: await crypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']),
    })
    const files = { 'tls-ca.crt': ca.certPem, 'tls.crt': server.certPem, 'tls.key': server.keyPem }
    for (const [name, text] of Object.entries(files)) writeFileSync(join(root, name), text)
    chmodSync(join(root, 'tls.key'), 0o600)
    writeFileSync(join(root, 'tls.crl'), Buffer.from(crl.rawData))
    const { url, port } = await localUrl('https')
    const flags = [
      `--cert-file=${root}/tls.crt`,
      `--key-file=${root}/tls.key`,
      `--trusted-ca-file=${root}/tls-ca.crt`,
      '--client-cert-auth',
      `--client-crl-file=${root}/tls.crl`,
      '--client-cert-allowed-hostname=good.example',
      '--tls-min-version=TLS1.3',
    ]
    await using running = await started([...at(url), ...flags])
    assert.match(running.stderr(), /ready/)
    const health = (pair: { certPem: string; keyPem: string }): Promise<Answer> =>
      ask({ port, host: '127.0.0.1', path: '/health', ca: ca.certPem, cert: pair.certPem, key: pair.keyPem })
    assert.equal((await health(good)).status, 200)
    await assert.rejects(health(revoked))
    await assert.rejects(health(stranger))
    await assert.rejects(
      new Promise((resolve, reject) => {
        const socket = tlsConnect(
          { port, host: '127.0.0.1', ca: ca.certPem, cert: good.certPem, key: good.keyPem, maxVersion: 'TLSv1.2' },
          () => resolve(socket),
        )
        socket.on('error', reject)
      }),
    )
  })
})

describe('settings', () => {
  it('come from the environment, and from a file', async () => {
    const { url, port } = await localUrl()
    const file = join(root, 'etcd.yml')
    writeFileSync(file, `name: from-file\ndata-dir: ${newDir()}\nlisten-client-urls: ${url}\n`)
    const names: string[] = []
    const environments: Readonly<Record<string, string>>[] = [
      {
        ETCD_NAME: 'from-env',
        ETCD_DATA_DIR: newDir(),
        ETCD_LISTEN_CLIENT_URLS: url,
        ETCD_ADVERTISE_CLIENT_URLS: url,
        ETCD_NOPE: '1',
      },
      { ETCD_CONFIG_FILE: file, ETCD_NAME: 'ignored' },
    ]
    for (const env of environments) {
      await using server = await started([], env)
      const { body } = await ask({ port, path: '/v3/cluster/member/list', method: 'POST' }, '{}')
      names.push(/"name":"([^"]*)"/.exec(body)?.[1] ?? '')
      assert.equal(server.stderr().includes('unrecognized environment variable'), 'ETCD_NOPE' in env)
    }
    assert.deepEqual(names, ['from-env', 'from-file'])
  })

  it('--log-outputs sends lines to files and to standard output', async () => {
    const file = join(root, 'etcd.log')
    await using server = await started([
      ...at('http://127.0.0.1:0'),
      `--log-outputs=stdout,${file}`,
      '--snapshot-count=7',
    ])
    await waitFor(() => existsSync(file) && readFileSync(file, 'utf8').includes('ready to serve'), {
      what: 'a log file',
    })
    assert.match(server.stdout(), /"flag":"snapshot-count".*"msg":"flag has no effect"/)
    assert.equal(server.stderr(), '')
    const bad = await ended(...at('http://127.0.0.1:0'), '--log-outputs=/nowhere/etcd.log')
    assert.equal(bad.code, 1)
    assert.match(bad.stderr, /^Error: --log-outputs: ENOENT/)
  })

  it('--unsafe-no-fsync keeps what it is told through an orderly stop', async () => {
    const { url } = await localUrl()
    const flags = [...at(url), '--unsafe-no-fsync']
    using client = new EtcdClient({ endpoints: [url] })
    {
      await using server = await started(flags)
      await client.put({ key: Buffer.from('a'), value: Buffer.from('1') })
      server.child.kill('SIGTERM')
      assert.equal((await server.ended).code, 0)
    }
    await using again = await started(flags)
    const { kvs } = await waitFor(() => client.range({ key: Buffer.from('a') }).catch(() => undefined), {
      what: 'an answer',
    })
    assert.equal(String(kvs[0]?.value), '1')
    assert.match(again.stderr(), /acknowledged writes may be lost/)
  })
})
