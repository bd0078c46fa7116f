/** `testing/assets` in the place of envtest's binaries: driven as controller-runtime drives them. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { projectRoot } from '../../deploy/layout.ts'
import { runCommand } from '../harness/command.ts'
import { type Envtest, startEnvtest } from '../harness/envtest.ts'
import { waitFor } from '../harness/wait.ts'

const assets = join(projectRoot, 'testing/assets')

const widgets = (group: string): string =>
  JSON.stringify({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `widgets.${group}` },
    spec: {
      group,
      names: { plural: 'widgets', kind: 'Widget' },
      scope: 'Namespaced',
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
    },
  })

describe('envtest on kubets', () => {
  let environment: Envtest
  const kubectl = async (input: string, ...args: readonly string[]): Promise<string> => {
    const all = [`--kubeconfig=${environment.kubeconfig}`, ...args]
    const { code, stdout, stderr } = await runCommand(join(assets, 'kubectl'), all, { input })
    assert.equal(code, 0, stderr)
    return stdout
  }

  before(async () => {
    environment = await startEnvtest({ assets })
  })
  after(async () => {
    await environment[Symbol.asyncDispose]()
  })

  it('is asked for its flags by --help: no insecure port, and an etcd that can do without fsync', () => {
    assert.equal(environment.insecurePortFlag, false)
    assert.equal(environment.noFsyncFlag, true)
  })

  it('serves the certificate of --cert-dir, and has the default namespace when it is healthy', async () => {
    assert.match(await kubectl('', 'get', 'namespace', 'default', '-o', 'name'), /namespace\/default/)
  })

  it('takes definitions and lists them in discovery', async () => {
    await kubectl(widgets('envtest.example.com'), 'create', '-f', '-')
    const resources = await waitFor(
      () => kubectl('', 'get', '--raw', '/apis/envtest.example.com/v1').catch(() => false),
      {
        what: 'discovery of the definition',
      },
    )
    assert.match(String(resources), /"name":"widgets"/)
  })

  it('lets users in by certificate and judges them by RBAC', async () => {
    const jane = await environment.addUser('jane', ['developers'])
    const asJane = (...args: readonly string[]) =>
      runCommand(join(assets, 'kubectl'), [`--kubeconfig=${jane}`, ...args])
    assert.match((await asJane('get', 'pods')).stderr, /User "jane" cannot list resource "pods"/)
    await kubectl('', 'create', 'clusterrolebinding', 'developers', '--clusterrole=view', '--group=developers')
    await waitFor(async () => (await asJane('get', 'pods')).code === 0, { what: 'the binding to be seen' })
  })

  it('takes Pods without ServiceAccounts, and signs tokens with the key of --service-account-signing-key-file', async () => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p' },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    }
    await kubectl(JSON.stringify(pod), 'create', '-f', '-')
    await kubectl('', 'create', 'serviceaccount', 'robot')
    const token = (await kubectl('', 'create', 'token', 'robot')).trim()
    const { issuer } = JSON.parse(await kubectl('', 'get', '--raw', '/.well-known/openid-configuration')) as {
      issuer: string
    }
    assert.equal(issuer, `${environment.server}/`)
    const args = [`--server=${environment.server}`, '--insecure-skip-tls-verify', `--token=${token}`, 'auth', 'whoami']
    const whoami = await runCommand(join(assets, 'kubectl'), args, { env: { KUBECONFIG: '/dev/null' } })
    assert.match(whoami.stdout, /system:serviceaccount:default:robot/, whoami.stderr)
  })

  it('ends within its deadline on SIGTERM to the group, both with 0', async () => {
    const { apiServer, etcd, ms } = await environment.stop()
    assert.deepEqual({ apiServer, etcd }, { apiServer: 0, etcd: 0 })
    assert.ok(ms < 10_000, `${ms} ms`)
  })

  it('starts from a folder of links, and again and again, with what a suite configures', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kubets-assets-'))
    for (const name of ['etcd', 'kube-apiserver', 'kubectl']) symlinkSync(join(assets, name), join(folder, name))
    try {
      const apiServerFlags = { 'advertise-address': '127.0.0.1', 'feature-gates': 'AllAlpha=false' }
      await using again = await startEnvtest({ assets: folder, apiServerFlags })
      const env = { PATH: `${folder}:${process.env['PATH']}` }
      const { stdout, stderr } = await runCommand('kubectl', [`--kubeconfig=${again.kubeconfig}`, 'version'], { env })
      assert.match(stdout, /Server Version: v1\.36\.0/, stderr)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  it('says at once what is wrong with a flag, instead of letting envtest wait', async () => {
    const { code, stderr } = await runCommand(join(assets, 'kube-apiserver'), ['--no-such-flag=1'])
    assert.notEqual(code, 0)
    assert.match(stderr, /unknown flag: --no-such-flag/)
  })
})
