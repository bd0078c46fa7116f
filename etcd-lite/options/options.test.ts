import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { UsageError } from '../../component-base/process/run.ts'
import { parseOptions } from '../options.ts'

const options = (...argv: string[]) => parseOptions(['--data-dir', '/nowhere', ...argv])
const refusal = (argv: string[], environment = {}): { message: string; exitCode: number } => {
  try {
    parseOptions(argv, environment)
  } catch (err) {
    assert.ok(err instanceof UsageError, String(err))
    return { message: err.message, exitCode: err.exitCode }
  }
  return assert.fail(`${argv.join(' ')} was taken`)
}

describe('the command line', () => {
  const refusals: readonly (readonly [argv: string[], exitCode: number, message: RegExp])[] = [
    [['--nope'], 2, /^flag provided but not defined: -nope/],
    [['--constructor=1'], 2, /^flag provided but not defined: -constructor/],
    [['--max-txn-ops=abc'], 2, /^invalid value "abc" for flag -max-txn-ops: parse error/],
    [['--max-txn-ops=-1'], 2, /^invalid value "-1" for flag -max-txn-ops: parse error/],
    [['--client-cert-auth=maybe'], 2, /^invalid boolean value "maybe" for -client-cert-auth: parse error/],
    [['--name'], 2, /^flag needs an argument: -name/],
    [['--grpc-keepalive-interval=5'], 2, /^invalid value "5" for flag -grpc-keepalive-interval: parse error/],
    [
      ['--listen-client-urls', 'nope'],
      2,
      /^invalid value "nope" for flag -listen-client-urls: URL scheme must be http, https, unix, or unixs: nope/,
    ],
    [
      ['--listen-client-urls=http://localhost'],
      2,
      /URL address does not have the form "host:port": http:\/\/localhost/,
    ],
    [['--listen-client-urls=http://localhost:1/x'], 2, /URL must not contain a path/],
    [['--initial-cluster-state=old'], 2, /^invalid value "old" for flag -initial-cluster-state: invalid value/],
    [['foo'], 1, /^'foo' is not a valid flag/],
    [
      ['--listen-client-urls=http://127.0.0.1:1'],
      1,
      /^--advertise-client-urls is required when --listen-client-urls is set explicitly$/,
    ],
    [
      ['--listen-client-urls=http://foo:1', '--advertise-client-urls=http://foo:1'],
      1,
      /^expected IP in URL for binding \(http:\/\/foo:1\)$/,
    ],
    [['--advertise-client-urls=http://:1'], 1, /must be "host:port" \(unexpected empty host \(http:\/\/:1\)\)$/],
    [['--auto-compaction-mode=x'], 1, /^unknown auto-compaction-mode "x"$/],
    [
      ['--heartbeat-interval=500'],
      1,
      /^--election-timeout\[1000ms\] should be at least as 5 times as --heartbeat-interval\[500ms\]$/,
    ],
    [['--log-level=foo'], 1, /unrecognized level: "foo"/],
    [['--tls-min-version=x'], 1, /^unexpected TLS version "x" \(must be one of: TLS1.2, TLS1.3\)$/],
    [
      ['--tls-min-version=TLS1.3', '--tls-max-version=TLS1.2'],
      1,
      /^min version \(TLS1.3\) is greater than max version \(TLS1.2\)$/,
    ],
    [
      ['--tls-min-version=TLS1.3', '--cipher-suites=TLS_RSA_WITH_AES_128_CBC_SHA'],
      1,
      /^cipher suites cannot be configured when only TLS1.3 is enabled$/,
    ],
    [
      ['--listen-client-urls=https://127.0.0.1:1', '--advertise-client-urls=https://127.0.0.1:1'],
      1,
      /^TLS key\/cert \(--cert-file, --key-file\) must be provided for client url https:\/\/127.0.0.1:1 with HTTPS scheme$/,
    ],
    [['--initial-cluster=a=http://a:2380,b=http://b:2380'], 1, /run a real etcd cluster/],
    [
      ['--initial-cluster=a=http://a:2380'],
      1,
      /^couldn't find local name "default" in the initial cluster configuration$/,
    ],
    [['--initial-cluster-state=existing'], 1, /run a real etcd cluster/],
    [['--discovery=http://x'], 1, /run a real etcd cluster/],
    [['--discovery-srv=x'], 1, /run a real etcd cluster/],
    [['--proxy=on'], 1, /run a real etcd cluster/],
    [['grpc-proxy', 'start'], 1, /etcd grpc-proxy is not part of etcd-lite/],
    [['gateway'], 1, /etcd gateway is not part of etcd-lite/],
    [['--config-file=/nowhere/etcd.yml'], 1, /ENOENT/],
  ]
  for (const [argv, exitCode, message] of refusals) {
    it(`refuses ${argv.join(' ')} as etcd does`, () => {
      const refused = refusal(argv)
      assert.match(refused.message, message)
      assert.equal(refused.exitCode, exitCode)
    })
  }

  it('takes both dashes, values after = or space, and the last of several', () => {
    const config = options('-name', 'a', '--name=b', '--max-txn-ops=0x10', '-client-cert-auth')
    assert.deepEqual([config.name, config.maxTxnOps, config.clientCertAuth], ['b', 16, true])
  })

  it('warns of flags that have no effect, but only when they are set to something', () => {
    const warned = (...argv: string[]): unknown[] => options(...argv).warnings.map(({ fields }) => fields['flag'])
    assert.deepEqual(warned('--snapshot-count=5', '--pre-vote=false', '--max-wals=9', '-snapshot'), [
      'snapshot',
      'snapshot-count',
      'pre-vote',
      'max-wals',
    ])
    assert.deepEqual(warned('--pre-vote', '--snapshot-count=100000', '--proxy-read-timeout=0'), [])
  })

  it('knows Unix sockets', () => {
    const config = options(
      '--listen-client-urls=unix:///run/etcd.sock,unix://local:1',
      '--advertise-client-urls=http://a:1',
    )
    assert.deepEqual(
      config.client.addresses.map((address) => address.type === 'unix' && address.path),
      ['/run/etcd.sock', 'local:1'],
    )
  })

  it('translates Go’s names of ciphers, and takes nobody in for unknown ones', () => {
    const secure = [
      '--listen-client-urls=https://127.0.0.1:1',
      '--advertise-client-urls=https://127.0.0.1:1',
      '--cert-file=a',
      '--key-file=b',
    ]
    const config = options(
      ...secure,
      '--cipher-suites=TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
      '--tls-max-version=TLS1.2',
    )
    assert.match(config.tls?.ciphers ?? '', /ECDHE-ECDSA-AES128-GCM-SHA256$/)
    assert.equal(config.tls?.maxVersion, 'TLSv1.2')
    assert.equal(refusal([...secure, '--cipher-suites=x']).message, 'unexpected TLS cipher suite "x"')
  })
})

describe('the environment', () => {
  it('sets what the command line does not', () => {
    const config = parseOptions(['--max-txn-ops=5'], {
      ETCD_NAME: 'e',
      ETCD_LOG_LEVEL: 'warn',
      ETCD_QUOTA_BACKEND_BYTES: '',
    })
    assert.deepEqual([config.name, config.log.level, config.maxTxnOps, config.quotaBytes], ['e', 'warn', 5, 0])
  })

  it('must not say otherwise than the command line', () => {
    const { message, exitCode } = refusal(['--name=y'], { ETCD_NAME: 'x' })
    assert.match(
      message,
      /^conflicting environment variable "ETCD_NAME" is shadowed by corresponding command-line flag/,
    )
    assert.equal(exitCode, 1)
  })

  it('is told of bad values and unknown variables', () => {
    assert.equal(refusal([], { ETCD_MAX_TXN_OPS: 'x' }).message, 'invalid value "x" for ETCD_MAX_TXN_OPS: parse error')
    assert.deepEqual(parseOptions([], { ETCD_NOPE: '1', ETCDCTL_API: '3', PATH: '' }).warnings, [
      { message: 'unrecognized environment variable', fields: { 'environment-variable': 'ETCD_NOPE=1' } },
    ])
  })
})

describe('the configuration file', () => {
  const withFile = (text: string, use: (path: string) => void): void => {
    const dir = mkdtempSync(join(tmpdir(), 'etcd-config-'))
    try {
      writeFileSync(join(dir, 'etcd.yml'), text)
      use(join(dir, 'etcd.yml'))
    } finally {
      rmSync(dir, { recursive: true })
    }
  }

  it('counts alone: other flags and the environment are ignored', () => {
    withFile('name: from-file\nlisten-client-urls: http://127.0.0.1:5\n', (path) => {
      const config = parseOptions([`--config-file=${path}`, '--name=x'], { ETCD_NAME: 'y', ETCD_MAX_TXN_OPS: '1' })
      assert.deepEqual(
        [config.name, config.maxTxnOps, config.advertiseClientUrls],
        ['from-file', 128, ['http://localhost:2379']],
      )
      assert.equal(parseOptions([], { ETCD_CONFIG_FILE: path }).name, 'from-file')
    })
  })

  it('has sections for TLS and sockets, lists, and durations in nanoseconds or as text', () => {
    const text = `
name: 'a'
listen-client-urls: https://127.0.0.1:5,https://[::1]:5
log-outputs: [stdout, stderr]
grpc-keepalive-interval: 5000000000
grpc-keepalive-timeout: 7s
cors:
enable-grpc-gateway: false
quota-backend-bytes: 123
client-transport-security:
  cert-file: c
  key-file: k
  client-cert-auth: true
  trusted-ca-file: t
  allowed-cn: [alice]
  allowed-hostname: [h1, h2]
peer-transport-security:
  cert-file: p
socket-options:
  reuse-port: true
nobody-knows: 1
`
    withFile(text, (path) => {
      const config = parseOptions([`--config-file=${path}`])
      assert.deepEqual(
        config.client.addresses.map(({ text: url }) => url),
        ['https://127.0.0.1:5', 'https://[::1]:5'],
      )
      assert.deepEqual(config.log.outputs, ['stdout', 'stderr'])
      assert.deepEqual(config.client.keepalive, { intervalMs: 5000, timeoutMs: 7000 })
      assert.equal(config.client.reusePort, true)
      assert.deepEqual(config.tls?.certificate, { type: 'files', certFile: 'c', keyFile: 'k' })
      assert.deepEqual(
        [config.tls?.clientCaFile, config.tls?.allowedCommonNames, config.tls?.allowedHostnames],
        ['t', ['alice'], ['h1', 'h2']],
      )
      assert.deepEqual([config.clientCertAuth, config.http.gateway, config.quotaBytes], [true, false, 123])
      assert.deepEqual(
        config.warnings.map(({ fields }) => fields['key'] ?? fields['flag']),
        ['nobody-knows', 'peer-cert-file'],
      )
    })
  })

  it('is refused when it is no mapping or has a value that is none', () => {
    withFile('[1]', (path) => assert.match(refusal([`--config-file=${path}`]).message, /is not a mapping/))
    withFile('max-txn-ops: {}', (path) =>
      assert.match(refusal([`--config-file=${path}`]).message, /invalid value \{\} for max-txn-ops/),
    )
    withFile('a: [', (path) => assert.equal(refusal([`--config-file=${path}`]).exitCode, 1))
  })
})
