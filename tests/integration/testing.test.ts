/** `kubets/testing` as a test author uses it, and its command line. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { AuthorizationV1Api, CoreV1Api, CustomObjectsApi, KubeConfig } from '@kubernetes/client-node'
import { type ControlPlane, startControlPlane } from 'kubets/testing'
import { projectRoot } from '../../deploy/layout.ts'
import { runCommand, startCommand } from '../harness/command.ts'
import { waitFor } from '../harness/wait.ts'

const definition = (plural: string, kind: string) => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `${plural}.testing.example.com` },
  spec: {
    group: 'testing.example.com',
    names: { plural, kind },
    scope: 'Namespaced',
    versions: ['v1', 'v2'].map((name) => ({
      name,
      served: true,
      storage: name === 'v2',
      schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
    })),
  },
})

const webhook = {
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingWebhookConfiguration',
  metadata: { name: 'testing' },
  webhooks: [
    {
      name: 'no.testing.example.com',
      admissionReviewVersions: ['v1'],
      sideEffects: 'None',
      // As an operator's manifests have it: a Service of a cluster that is not there.
      clientConfig: { service: { namespace: 'system', name: 'webhook-service', path: '/validate' } },
      rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] }],
    },
  ],
}

const load = (file: string): KubeConfig => {
  const config = new KubeConfig()
  config.loadFromFile(file)
  return config
}

const runNode = promisify(execFile)

/** Starts an environment, says where, and is killed. */
const program = `
  const { startControlPlane } = await import('kubets/testing')
  const environment = await startControlPlane()
  process.stdout.write(environment.directory + '\\n' + environment.pid('etcd') + '\\n' + environment.pid('kube-apiserver'))
  process.kill(process.pid, 'SIGKILL')
`

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

describe('kubets/testing', () => {
  let environment: ControlPlane
  before(async () => {
    environment = await startControlPlane({
      crds: [definition('gadgets', 'Gadget')],
      webhooks: { configurations: [webhook] },
      flags: { 'kube-apiserver': { 'event-ttl': '2h' } },
    })
  })
  after(async () => {
    await environment.stop()
    assert.ok(!existsSync(environment.directory))
  })

  it('serves a client library as the administrator, with the definitions of its options in every version', async () => {
    const custom = load(environment.kubeconfig).makeApiClient(CustomObjectsApi)
    const ref = { group: 'testing.example.com', namespace: 'default', plural: 'gadgets' }
    const body = { apiVersion: 'testing.example.com/v1', kind: 'Gadget', metadata: { name: 'one' }, spec: { size: 1 } }
    await custom.createNamespacedCustomObject({ ...ref, version: 'v1', body })
    const read = (await custom.getNamespacedCustomObject({ ...ref, version: 'v2', name: 'one' })) as typeof body
    assert.deepEqual([read.apiVersion, read.spec], ['testing.example.com/v2', { size: 1 }])
  })

  it('hands out kubeconfigs for any user and groups', async () => {
    const file = await environment.addUser({ name: 'jane', groups: ['developers', 'testers'] })
    const review = await load(file)
      .makeApiClient(AuthorizationV1Api)
      .createSelfSubjectAccessReview({ body: { spec: { resourceAttributes: { verb: 'get', resource: 'pods' } } } })
    assert.equal(review.status?.allowed, false)
    await assert.rejects(load(file).makeApiClient(CoreV1Api).listNamespace(), /User .*jane.* cannot list/)
  })

  it('takes more definitions, from a file, while it runs', async () => {
    const file = join(environment.directory, 'more.json')
    writeFileSync(file, JSON.stringify(definition('gizmos', 'Gizmo')))
    const [installed] = await environment.installCrds([file])
    assert.equal(installed?.spec.names.kind, 'Gizmo')
    await environment.installCrds([file]) // once more is an update
  })

  it('calls the webhooks of the test, over TLS, where it was told to listen', async () => {
    const { cert, key, host, port } = environment.webhooks()
    const asked: (string | undefined)[] = []
    const server = createServer({ cert, key }, (request, response) => {
      asked.push(request.url)
      let text = ''
      request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
      request.on('end', () => {
        const { request: review } = JSON.parse(text) as { request: { uid: string } }
        const answer = { uid: review.uid, allowed: false, status: { message: 'not in this test' } }
        response.setHeader('content-type', 'application/json')
        response.end(JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: answer }))
      })
    }).listen(port, host)
    try {
      const core = load(environment.kubeconfig).makeApiClient(CoreV1Api)
      const create = core.createNamespacedConfigMap({ namespace: 'default', body: { metadata: { name: 'c' } } })
      await assert.rejects(create, /denied the request: not in this test/)
      assert.deepEqual(asked, ['/validate?timeout=10s'])
    } finally {
      server.closeAllConnections()
      server.close()
    }
  })

  it('keeps its data and its address over a kill -9 of each server', async () => {
    const core = load(environment.kubeconfig).makeApiClient(CoreV1Api)
    await core.createNamespace({ body: { metadata: { name: 'kept' } } })
    const before = environment.pid('kube-apiserver')
    await environment.restart('kube-apiserver', 'SIGKILL')
    assert.notEqual(environment.pid('kube-apiserver'), before)
    assert.equal((await core.readNamespace({ name: 'kept' })).metadata?.name, 'kept')
    await environment.restart('etcd', 'SIGKILL')
    await waitFor(() => core.createNamespace({ body: { metadata: { name: 'later' } } }), { what: 'the store' })
  })

  it('runs controllers and a scheduler when asked: ServiceAccounts come, and Pods need them', async () => {
    await using more = await startControlPlane({ controllerManager: true, scheduler: true })
    const core = load(more.kubeconfig).makeApiClient(CoreV1Api)
    await waitFor(() => core.readNamespacedServiceAccount({ namespace: 'default', name: 'default' }), {
      what: 'the default ServiceAccount',
    })
    const body = { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'i' }] } }
    const pod = await core.createNamespacedPod({ namespace: 'default', body })
    assert.equal(pod.spec?.serviceAccountName, 'default')
    const scheduled = async () =>
      (await core.readNamespacedPod({ namespace: 'default', name: 'p' })).status?.conditions?.find(
        ({ type }) => type === 'PodScheduled',
      )
    assert.equal((await waitFor(scheduled, { what: 'the scheduler' })).reason, 'Unschedulable')
  })

  it('tells what a server said when it does not start, and leaves nothing', async () => {
    const start = startControlPlane({ flags: { 'kube-apiserver': { 'authorization-mode': 'Nonsense' } } })
    await assert.rejects(start, /kube-apiserver ended; the end of its log:\n.*authorization-mode "Nonsense"/s)
  })

  it('goes with its directory when the test process is killed', async () => {
    const argv = ['--input-type=module', '-e', program]
    const child = await runNode(process.execPath, argv, { cwd: projectRoot }).catch(
      (error: unknown) => error as { stdout: string },
    )
    const [directory = '', ...pids] = child.stdout.split('\n')
    assert.equal(pids.length, 2, child.stdout)
    await waitFor(() => !pids.map(Number).some(isAlive) && !existsSync(directory), { what: 'everything to be gone' })
  })
})

describe('kubets-testing', () => {
  const binary = join(projectRoot, 'testing/kubets-testing')

  it('runs a command with KUBECONFIG and ends with its code', async () => {
    const script = 'kubectl auth whoami -o jsonpath={.status.userInfo.username} && exit 3'
    const args = ['--user=jane', '--groups=system:masters', '--', 'sh', '-c', script]
    const { code, stdout, stderr } = await runCommand(binary, args)
    assert.deepEqual([code, stdout], [3, 'jane'], stderr)
  })

  it('prints KUBECONFIG and stays until it is interrupted', async () => {
    await using command = startCommand(binary, [])
    const [, kubeconfig = ''] = await command.until(/export KUBECONFIG=(.+)\n/, 30_000)
    const { stdout } = await runCommand('kubectl', ['get', 'ns', '-o', 'name'], { env: { KUBECONFIG: kubeconfig } })
    assert.match(stdout, /namespace\/kube-system/)
    command.child.kill('SIGINT')
    assert.equal((await command.ended).code, 0)
    assert.ok(!existsSync(kubeconfig))
  })

  it('names the folder of binaries for envtest', async () => {
    const { stdout } = await runCommand(binary, ['assets'])
    assert.equal(stdout.trim(), join(projectRoot, 'testing/assets'))
  })
})
