/** Plugins that are on by default, at work in a control plane. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import type { TestCluster } from '../../harness/cluster.ts'
import type { Kubectl } from '../../harness/kubectl.ts'
import { waitFor } from '../../harness/wait.ts'

export const describePlugins = (running: () => TestCluster): void => {
  describe('admission by default', () => {
    let kubectl: Kubectl
    const namespace = 'plugins'
    const create = (object: object) =>
      kubectl.run(['-n', namespace, 'create', '-f', '-'], { input: JSON.stringify(object) })

    before(async () => {
      ;({ kubectl } = running())
      await kubectl('create', 'namespace', namespace)
      await waitFor(async () => (await kubectl.run(['-n', namespace, 'get', 'serviceaccount', 'default'])).code === 0, {
        what: 'the default account',
      })
    })

    it('keeps the namespaces of the system', async () => {
      const { stderr } = await kubectl.run(['delete', 'namespace', 'kube-system', '--wait=false'])
      assert.equal(
        stderr,
        'Error from server (Forbidden): namespaces "kube-system" is forbidden: this namespace may not be deleted\n',
      )
      const nowhere = await kubectl.run(['-n', 'nowhere', 'create', 'configmap', 'c'])
      assert.match(nowhere.stderr, /namespaces "nowhere" not found/)
    })

    it('gives Pods limits, priority, tolerations, an account and the labels of their node', async () => {
      const limits = [{ type: 'Container', default: { cpu: '1' }, defaultRequest: { cpu: '100m' }, max: { cpu: '2' } }]
      await create({ apiVersion: 'v1', kind: 'LimitRange', metadata: { name: 'limits' }, spec: { limits } })
      await create({
        apiVersion: 'scheduling.k8s.io/v1',
        kind: 'PriorityClass',
        metadata: { name: 'plugins-high' },
        value: 7,
      })
      const labels = { 'topology.kubernetes.io/zone': 'z1', 'kubernetes.io/os': 'linux' }
      await create({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'fake', labels } })
      const spec = { nodeName: 'fake', priorityClassName: 'plugins-high', containers: [{ name: 'c', image: 'i' }] }
      const made = await create({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec })
      assert.equal(made.stderr, '')
      const pod = await kubectl.json<{
        metadata: { labels?: object; annotations?: object }
        spec: {
          priority: number
          serviceAccountName: string
          tolerations: { key: string }[]
          containers: { resources: object }[]
        }
      }>('-n', namespace, 'get', 'pod', 'p')
      assert.deepEqual(pod.metadata.labels, { 'topology.kubernetes.io/zone': 'z1' })
      assert.deepEqual(pod.metadata.annotations, {
        'kubernetes.io/limit-ranger': 'LimitRanger plugin set: cpu request for container c; cpu limit for container c',
      })
      assert.equal(pod.spec.priority, 7)
      assert.equal(pod.spec.serviceAccountName, 'default')
      assert.deepEqual(
        pod.spec.tolerations.map(({ key }) => key),
        ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'],
      )
      assert.deepEqual(pod.spec.containers[0]?.resources, { requests: { cpu: '100m' }, limits: { cpu: '1' } })
      const greedy = { containers: [{ name: 'c', image: 'i', resources: { limits: { cpu: '3' } } }] }
      const refused = await create({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'greedy' }, spec: greedy })
      assert.match(refused.stderr, /pods "greedy" is forbidden: maximum cpu usage per Container is 2, but limit is 3/)
      await kubectl('-n', namespace, 'delete', 'pod', 'p', '--grace-period=0', '--force')
      await kubectl('delete', 'node', 'fake')
    })

    it('chooses classes for Ingresses and claims, and lets claims grow only where they can', async () => {
      const marked = (annotation: string) => ({ [annotation]: 'true' })
      await create({
        apiVersion: 'networking.k8s.io/v1',
        kind: 'IngressClass',
        metadata: { name: 'plugins-in', annotations: marked('ingressclass.kubernetes.io/is-default-class') },
        spec: { controller: 'example.com/c' },
      })
      await create({
        apiVersion: 'networking.k8s.io/v1',
        kind: 'Ingress',
        metadata: { name: 'i' },
        spec: { defaultBackend: { service: { name: 's', port: { number: 80 } } } },
      })
      assert.equal(
        await kubectl('-n', namespace, 'get', 'ingress', 'i', '-o', 'jsonpath={.spec.ingressClassName}'),
        'plugins-in',
      )
      await kubectl('delete', 'ingressclass', 'plugins-in')
      const claim = {
        accessModes: ['ReadWriteOnce'],
        storageClassName: 'x',
        resources: { requests: { storage: '1Gi' } },
      }
      await create({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'c' }, spec: claim })
      const grown = await kubectl.run([
        '-n',
        namespace,
        'patch',
        'pvc',
        'c',
        '-p',
        '{"spec":{"resources":{"requests":{"storage":"2Gi"}}}}',
      ])
      assert.equal(grown.code, 1)
    })

    it('is asked about reviews, too', async () => {
      const webhook = {
        name: 'reviews.example.com',
        clientConfig: { url: 'https://127.0.0.1:1/' },
        rules: [
          {
            apiGroups: ['authorization.k8s.io'],
            apiVersions: ['*'],
            operations: ['CREATE'],
            resources: ['subjectaccessreviews'],
          },
        ],
        // Others' reviews are to be answered meanwhile.
        matchConditions: [{ name: 'one', expression: "object.spec.user == 'reviewed'" }],
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
      }
      const made = await create({
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingWebhookConfiguration',
        metadata: { name: 'plugins-reviews' },
        webhooks: [webhook],
      })
      assert.equal(made.stderr, '')
      const review = (user: string) =>
        create({
          apiVersion: 'authorization.k8s.io/v1',
          kind: 'SubjectAccessReview',
          spec: { user, resourceAttributes: { verb: 'get', resource: 'pods' } },
        })
      await waitFor(
        async () => (await review('reviewed')).stderr.includes('failed calling webhook "reviews.example.com"'),
        {
          what: 'the webhook that cannot be reached',
        },
      )
      assert.equal((await review('other')).stderr, '')
      await kubectl('delete', 'validatingwebhookconfiguration', 'plugins-reviews')
    })

    it('tells how long its plugins took, and what they refused', async () => {
      await kubectl.run(['-n', 'nowhere', 'create', 'configmap', 'c'])
      const metrics = await kubectl('get', '--raw', '/metrics')
      for (const labels of [
        'step_admission_duration_seconds_count{',
        'controller_admission_duration_seconds_count{name="NamespaceLifecycle",',
      ]) {
        for (const rejected of ['true', 'false']) {
          const line = `apiserver_admission_${labels}type="admit",operation="CREATE",rejected="${rejected}"} `
          assert.ok(metrics.includes(line), line)
        }
      }
    })
  })
}
