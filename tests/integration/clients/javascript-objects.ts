/** @kubernetes/client-node: typed and untyped objects, patches, apply, errors. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { before, describe, it } from 'node:test'
import {
  ApiException,
  AppsV1Api,
  AuthorizationV1Api,
  AutoscalingV2Api,
  BatchV1Api,
  CoordinationV1Api,
  CoreV1Api,
  Health,
  KubeConfig,
  KubernetesObjectApi,
  loadAllYaml,
  NetworkingV1Api,
  PatchStrategy,
  PolicyV1Api,
  RbacAuthorizationV1Api,
  setHeaderOptions,
  StorageV1Api,
  type V1Deployment,
  V1MicroTime,
  type V1Status,
  VersionApi,
} from '@kubernetes/client-node'
import type { Running } from '../../harness/use-cluster.ts'

const namespace = 'javascript'

const deployment = (image: string, more: object = {}): V1Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace, labels: { app: 'web' } },
  spec: {
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'main', image, ports: [{ containerPort: 80 }] }] },
    },
    ...more,
  },
})

/** The Status that came with a refusal. */
const refusal = async (promise: Promise<unknown>): Promise<V1Status> => {
  try {
    await promise
  } catch (error) {
    assert.ok(error instanceof ApiException, String(error))
    const body: unknown = error.body
    const status = (typeof body === 'string' ? JSON.parse(body) : body) as V1Status
    assert.equal(status.kind, 'Status')
    assert.equal(status.code, error.code)
    assert.match(String(error.headers['audit-id']), /^[0-9a-f-]{36}$/)
    return status
  }
  throw new Error('nothing was refused')
}

export const describeJavaScriptObjects = (running: Running): void => {
  describe('the JavaScript client', () => {
    let config: KubeConfig
    let core: CoreV1Api
    let apps: AppsV1Api

    before(async () => {
      config = new KubeConfig()
      config.loadFromFile(running().layout.adminConf)
      core = config.makeApiClient(CoreV1Api)
      apps = config.makeApiClient(AppsV1Api)
      await core.createNamespace({ body: { metadata: { name: namespace } } })
    })

    it('learns who the server is, and that it is well', async () => {
      const version = await config.makeApiClient(VersionApi).getCode()
      assert.deepEqual([version.major, version.minor], ['1', '36'])
      const health = new Health(config)
      assert.deepEqual([await health.readyz({}), await health.livez({})], [true, true])
      const { resources } = await apps.getAPIResources()
      assert.ok(resources.some(({ name, kind }) => name === 'deployments' && kind === 'Deployment'))
      const review = await config.makeApiClient(AuthorizationV1Api).createSelfSubjectAccessReview({
        body: { spec: { resourceAttributes: { verb: 'delete', resource: 'nodes' } } },
      })
      assert.equal(review.status?.allowed, true)
    })

    it('creates, reads, lists, replaces and deletes objects of many groups', async () => {
      const name = 'one'
      const body = { metadata: { name } }
      const batch = config.makeApiClient(BatchV1Api)
      const job = { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'none:1' }] } } }
      const cronJob = await batch.createNamespacedCronJob({
        namespace,
        body: { ...body, spec: { schedule: '0 0 1 1 *', suspend: true, jobTemplate: { spec: job } } },
      })
      assert.equal(cronJob.spec?.concurrencyPolicy, 'Allow')
      assert.ok(cronJob.metadata?.creationTimestamp instanceof Date)
      const lease = await config.makeApiClient(CoordinationV1Api).createNamespacedLease({
        namespace,
        body: { ...body, spec: { holderIdentity: 'me', renewTime: new V1MicroTime('2026-01-02T03:04:05.123456Z') } },
      })
      assert.equal(lease.spec?.holderIdentity, 'me')
      assert.equal(new Date(String(lease.spec.renewTime)).toISOString(), '2026-01-02T03:04:05.123Z')
      const hpa = await config.makeApiClient(AutoscalingV2Api).createNamespacedHorizontalPodAutoscaler({
        namespace,
        body: {
          ...body,
          spec: { maxReplicas: 3, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' } },
        },
      })
      assert.equal(hpa.spec?.metrics?.[0]?.resource?.target.averageUtilization, 80)
      const budget = await config.makeApiClient(PolicyV1Api).createNamespacedPodDisruptionBudget({
        namespace,
        body: { ...body, spec: { maxUnavailable: '25%', selector: { matchLabels: { app: 'web' } } } },
      })
      assert.equal(budget.spec?.maxUnavailable, '25%')
      const networking = config.makeApiClient(NetworkingV1Api)
      const policy = await networking.createNamespacedNetworkPolicy({
        namespace,
        body: { ...body, spec: { podSelector: {}, ingress: [{ ports: [{ port: 'http' }, { port: 80 }] }] } },
      })
      assert.deepEqual(
        policy.spec?.ingress?.[0]?.ports?.map(({ port, protocol }) => [port, protocol]),
        [
          ['http', 'TCP'],
          [80, 'TCP'],
        ],
      )
      const rbac = config.makeApiClient(RbacAuthorizationV1Api)
      await rbac.createNamespacedRole({
        namespace,
        body: { ...body, rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }] },
      })
      const storage = config.makeApiClient(StorageV1Api)
      await storage.createStorageClass({ body: { metadata: { name: 'javascript' }, provisioner: 'none' } })

      const role = await rbac.readNamespacedRole({ namespace, name })
      role.rules = [...(role.rules ?? []), { apiGroups: ['apps'], resources: ['deployments'], verbs: ['list'] }]
      const replaced = await rbac.replaceNamespacedRole({ namespace, name, body: role })
      assert.equal(replaced.rules?.length, 2)
      assert.notEqual(replaced.metadata?.resourceVersion, role.metadata?.resourceVersion)
      const { items, kind, apiVersion } = await networking.listNetworkPolicyForAllNamespaces()
      assert.deepEqual([kind, apiVersion], ['NetworkPolicyList', 'networking.k8s.io/v1'])
      assert.ok(items.some(({ metadata }) => metadata?.namespace === namespace))
      const deleted = await networking.deleteNamespacedNetworkPolicy({ namespace, name })
      assert.equal(deleted.status, 'Success')
      await storage.deleteStorageClass({ name: 'javascript' })
      const collection = await rbac.deleteCollectionNamespacedRole({ namespace })
      assert.equal(collection.kind, 'RoleList')
    })

    it('patches in every way', async () => {
      await apps.createNamespacedDeployment({ namespace, body: deployment('none:1', { replicas: 0 }) })
      const patch = (body: object, strategy: PatchStrategy) =>
        apps.patchNamespacedDeployment({ namespace, name: 'web', body }, setHeaderOptions('Content-Type', strategy))
      const json = await patch([{ op: 'replace', path: '/spec/paused', value: true }], PatchStrategy.JsonPatch).catch(
        () => patch([{ op: 'add', path: '/spec/paused', value: true }], PatchStrategy.JsonPatch),
      )
      assert.equal(json.spec?.paused, true)
      const merged = await patch({ metadata: { labels: { app: null, tier: 'x' } } }, PatchStrategy.MergePatch)
      assert.deepEqual(merged.metadata?.labels, { tier: 'x' })
      const containers = [{ name: 'side', image: 'none:2' }]
      const strategic = await patch({ spec: { template: { spec: { containers } } } }, PatchStrategy.StrategicMergePatch)
      assert.deepEqual(
        strategic.spec?.template.spec?.containers.map(({ name }) => name),
        ['side', 'main'],
      )
      const scale = await apps.patchNamespacedDeploymentScale(
        { namespace, name: 'web', body: { spec: { replicas: 3 } } },
        setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
      )
      assert.deepEqual([scale.kind, scale.spec?.replicas, scale.status?.selector], ['Scale', 3, 'app=web'])
      const dry = await apps.patchNamespacedDeployment(
        { namespace, name: 'web', body: { spec: { replicas: 7 } }, dryRun: 'All' },
        setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
      )
      assert.equal(dry.spec?.replicas, 7)
      const status = await apps.patchNamespacedDeploymentStatus(
        { namespace, name: 'web', body: { status: { collisionCount: 1 }, spec: { replicas: 9 } } },
        setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
      )
      assert.deepEqual([status.status?.collisionCount, status.spec?.replicas], [1, 3])
    })

    it('applies on the server, and is told of conflicts', async () => {
      const apply = (image: string, fieldManager: string, force = false) =>
        apps.patchNamespacedDeployment(
          { namespace, name: 'applied', fieldManager, force, body: applied(image) },
          setHeaderOptions('Content-Type', PatchStrategy.ServerSideApply),
        )
      const applied = (image: string) => {
        const { apiVersion, kind, spec } = deployment(image, { replicas: 0 })
        return { apiVersion, kind, metadata: { name: 'applied', namespace }, spec }
      }
      const first = await apply('none:1', 'one')
      assert.equal(first.metadata?.managedFields?.[0]?.manager, 'one')
      const { managedFields = [] } = (await apply('none:1', 'two')).metadata ?? {}
      // The controller may have told the status meanwhile.
      assert.equal(managedFields.filter(({ operation }) => operation === 'Apply').length, 2)
      const status = await refusal(apply('none:2', 'two'))
      assert.deepEqual([status.code, status.reason], [409, 'Conflict'])
      const field = '.spec.template.spec.containers[name="main"].image'
      assert.equal(status.message, `Apply failed with 1 conflict: conflict with "one": ${field}`)
      assert.deepEqual(status.details?.causes, [
        { reason: 'FieldManagerConflict', message: 'conflict with "one"', field },
      ])
      const forced = await apply('none:2', 'two', true)
      assert.equal(forced.spec?.template.spec?.containers[0]?.image, 'none:2')
      assert.equal((await refusal(apply('none:1', 'one'))).reason, 'Conflict')
    })

    it('gets errors as a Status with reason and causes', async () => {
      const absent = await refusal(core.readNamespacedPod({ namespace, name: 'absent' }))
      assert.deepEqual(
        [absent.code, absent.reason, absent.message, absent.details],
        [404, 'NotFound', 'pods "absent" not found', { name: 'absent', kind: 'pods' }],
      )
      const invalid = await refusal(
        core.createNamespacedService({ namespace, body: { metadata: { name: 'Bad_Name' }, spec: { ports: [] } } }),
      )
      assert.deepEqual([invalid.code, invalid.reason], [422, 'Invalid'])
      assert.deepEqual(
        invalid.details?.causes?.map(({ field, reason }) => `${reason} ${field}`),
        ['FieldValueInvalid metadata.name', 'FieldValueRequired spec.ports'],
      )
      await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'twice' } } })
      const twice = await refusal(core.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'twice' } } }))
      assert.deepEqual([twice.code, twice.reason], [409, 'AlreadyExists'])
      const stale = await core.readNamespacedConfigMap({ namespace, name: 'twice' })
      await core.replaceNamespacedConfigMap({
        namespace,
        name: 'twice',
        body: { metadata: stale.metadata, data: { a: '1' } },
      })
      const conflict = await refusal(core.replaceNamespacedConfigMap({ namespace, name: 'twice', body: stale }))
      assert.equal(conflict.reason, 'Conflict')
      assert.match(
        conflict.message ?? '',
        /the object has been modified; please apply your changes to the latest version/,
      )
      const uid = await refusal(
        core.deleteNamespacedConfigMap({ namespace, name: 'twice', body: { preconditions: { uid: 'x' } } }),
      )
      assert.deepEqual([uid.code, uid.reason], [409, 'Conflict'])
      const strict = await refusal(
        core.createNamespacedConfigMap({
          namespace,
          fieldValidation: 'Strict',
          // The client sends fields that it knows and no others: an object of another kind has some.
          body: { metadata: { name: 'x', clusterName: 'c' } as object, immutable: 1 as unknown as boolean },
        }),
      )
      assert.deepEqual([strict.code, strict.reason], [400, 'BadRequest'])
    })

    it('lists in pages', async () => {
      for (let index = 0; index < 7; index++) {
        await core.createNamespacedSecret({
          namespace,
          body: { metadata: { name: `s${index}`, labels: { page: 'y' } }, stringData: { a: String(index) } },
        })
      }
      const names: string[] = []
      const remaining: (number | undefined)[] = []
      let _continue: string | undefined
      do {
        const page = await core.listNamespacedSecret({
          namespace,
          labelSelector: 'page=y',
          limit: 3,
          ...(_continue === undefined ? {} : { _continue }),
        })
        names.push(...page.items.map(({ metadata }) => metadata?.name ?? ''))
        remaining.push(page.metadata?.remainingItemCount)
        assert.equal(page.items[0]?.data?.['a'] !== undefined, true)
        _continue = page.metadata?._continue
      } while (_continue !== undefined && _continue !== '')
      assert.deepEqual(names, ['s0', 's1', 's2', 's3', 's4', 's5', 's6'])
      // A selector makes the count unknown.
      assert.deepEqual(remaining, [undefined, undefined, undefined])
      const { items } = await core.listNamespacedSecret({ namespace, fieldSelector: 'metadata.name=s3' })
      assert.equal(items.length, 1)
    })

    it('handles any kind by discovery, from YAML too', async () => {
      const objects = KubernetesObjectApi.makeApiClient(config)
      const text = readFileSync(new URL('./manifest.yaml', import.meta.url), 'utf8')
      const documents = loadAllYaml(text) as Parameters<typeof objects.create>[0][]
      for (const document of documents) {
        const created = await objects.create(document)
        assert.equal(created.kind, document.kind)
      }
      const header = { metadata: { name: 'any', namespace: 'from-yaml' } }
      const service = { apiVersion: 'v1', kind: 'Service', ...header }
      const patched = await objects.patch({ ...service, metadata: { ...service.metadata, labels: { a: 'b' } } })
      assert.equal(patched.metadata?.labels?.['a'], 'b')
      const read = await objects.read(service)
      assert.ok(read.metadata?.creationTimestamp instanceof Date)
      await objects.replace(read)
      const { items } = await objects.list('apps/v1', 'Deployment', 'from-yaml')
      assert.equal(items[0]?.metadata?.name, 'any')
      for (const document of documents.toReversed()) await objects.delete(document)
      await assert.rejects(objects.read(service), (error) => error instanceof ApiException && error.code === 404)
    })
  })
}
