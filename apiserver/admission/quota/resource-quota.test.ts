import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { KubeObject, ResourceQuota } from '../../../api/types.ts'
import { realClock } from '../../../component-base/clock.ts'
import type { AdmissionPlugin } from '../admission.ts'
import { type AdmissionFixture, createAdmissionFixture } from '../admission-fixture.ts'
import { ConfigError } from '../config/decode-config.ts'
import { resourceQuota } from './resource-quota.ts'

let fixture: AdmissionFixture
let plugin: AdmissionPlugin

before(async () => {
  fixture = await createAdmissionFixture()
  plugin = resourceQuota(fixture.resource('resourcequotas'), undefined, realClock)
})
after(() => fixture[Symbol.dispose]())

const putQuota = (
  namespace: string,
  name: string,
  hard: Record<string, string>,
  used: Record<string, string>,
): Promise<void> =>
  fixture.put('resourcequotas', { metadata: { name, namespace }, spec: { hard }, status: { hard, used } } as KubeObject)

const usedOf = async (namespace: string, name: string): Promise<Record<string, string> | undefined> => {
  const entry = await fixture.resource('resourcequotas').store.getLive(`${namespace}/${name}`)
  return (entry?.object as ResourceQuota | undefined)?.status?.used
}

const aConfigMap = (namespace: string): KubeObject => ({ metadata: { name: 'c', namespace } })
const createMany = (namespace: string, count: number) =>
  Promise.all(
    Array.from({ length: count }, () =>
      fixture.refusal(plugin, { resource: 'configmaps', object: aConfigMap(namespace) }),
    ),
  )

describe('ResourceQuota', () => {
  it('grants exactly what there is to fifty requests at once', async () => {
    await putQuota('many', 'q', { configmaps: '20' }, { configmaps: '3' })
    const answers = await createMany('many', 50)
    assert.equal(answers.filter((text) => text === '').length, 17)
    assert.equal(
      answers.find((text) => text !== ''),
      'configmaps "c" is forbidden: exceeded quota: q, requested: configmaps=1, used: configmaps=20, limited: configmaps=20',
    )
    assert.deepEqual(await usedOf('many', 'q'), { configmaps: '20' })
  })

  it('books on several quotas all or nothing', async () => {
    await putQuota('several', 'a', { configmaps: '100' }, { configmaps: '0' })
    await putQuota('several', 'b', { 'count/configmaps': '5' }, { 'count/configmaps': '0' })
    const answers = await createMany('several', 20)
    assert.equal(answers.filter((text) => text === '').length, 5)
    assert.deepEqual(await usedOf('several', 'a'), { configmaps: '5' })
    assert.deepEqual(await usedOf('several', 'b'), { 'count/configmaps': '5' })
  })

  it('is not exceeded while somebody else writes the same quota', async () => {
    await putQuota('shared', 'q', { configmaps: '30' }, { configmaps: '0' })
    const other = resourceQuota(fixture.resource('resourcequotas'), undefined, realClock)
    const ask = (by: AdmissionPlugin) => fixture.refusal(by, { resource: 'configmaps', object: aConfigMap('shared') })
    const answers: string[] = []
    // Two API servers, each with requests that follow one another.
    await Promise.all(
      [plugin, other].map(async (by) => {
        for (let i = 0; i < 25; i++) answers.push(await ask(by))
      }),
    )
    assert.equal(answers.filter((text) => text === '').length, 30)
    assert.deepEqual(await usedOf('shared', 'q'), { configmaps: '30' })
  })

  it('books nothing for a dry run, and refuses it all the same', async () => {
    await putQuota('dry', 'q', { configmaps: '1' }, { configmaps: '0' })
    const dry = () => fixture.refusal(plugin, { resource: 'configmaps', object: aConfigMap('dry'), dryRun: true })
    assert.deepEqual([await dry(), await dry()], ['', ''])
    assert.deepEqual(await usedOf('dry', 'q'), { configmaps: '0' })
    await createMany('dry', 1)
    assert.match(await dry(), /exceeded quota/)
  })

  it('goes on when a quota is deleted under it', async () => {
    await putQuota('gone', 'q', { configmaps: '5' }, { configmaps: '0' })
    const { store } = fixture.resource('resourcequotas')
    const [answers] = await Promise.all([createMany('gone', 10), store.update('gone/q', () => ({ type: 'delete' }))])
    assert.ok(answers.every((text) => text === '' || text.includes('exceeded quota')))
    assert.deepEqual(await createMany('gone', 3), ['', '', ''])
  })

  it('asks only of what can use more', async () => {
    await putQuota(
      'none',
      'q',
      { configmaps: '0', pods: '0', 'count/events': '0', 'count/deployments.apps': '0' },
      { configmaps: '0', pods: '0', 'count/events': '0', 'count/deployments.apps': '0' },
    )
    const object = aConfigMap('none')
    const ask = (resource: string, operation: 'CREATE' | 'UPDATE' = 'CREATE') =>
      fixture.refusal(plugin, { operation, resource, object, ...(operation === 'UPDATE' ? { oldObject: object } : {}) })
    assert.match(await ask('configmaps'), /exceeded quota/)
    assert.match(await ask('deployments.apps'), /exceeded quota/)
    for (const resource of [
      'events',
      'pods/binding',
      'pods/eviction',
      'deployments.apps/scale',
      'secrets',
      'namespaces',
    ])
      assert.equal(await ask(resource), '', resource)
    for (const resource of ['configmaps', 'pods', 'pods/status', 'deployments.apps/scale'])
      assert.equal(await ask(resource, 'UPDATE'), '', resource)
  })

  it('takes what is limited by default from its configuration, in each version', () => {
    const limitedResources = [{ resource: 'pods', matchContains: ['cpu'] }]
    const create = (value: object) =>
      resourceQuota(fixture.resource('resourcequotas'), { value, duplicates: [] }, realClock)
    create({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'ResourceQuotaConfiguration', limitedResources })
    create({ apiVersion: 'resourcequota.admission.k8s.io/v1beta1', kind: 'Configuration', limitedResources })
    const bad = { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'ResourceQuotaConfiguration', limitedResources: [{}] }
    assert.throws(
      () => create(bad),
      (error) => error instanceof ConfigError && error.message === 'limitedResources[0].resource: Required value',
    )
  })

  it('refuses what is limited where there is no quota at all', async () => {
    const limited = resourceQuota(
      fixture.resource('resourcequotas'),
      {
        value: {
          apiVersion: 'apiserver.config.k8s.io/v1',
          kind: 'ResourceQuotaConfiguration',
          limitedResources: [{ resource: 'configmaps', matchContains: ['configmaps'] }],
        },
        duplicates: [],
      },
      realClock,
    )
    assert.equal(
      await fixture.refusal(limited, { resource: 'configmaps', object: aConfigMap('unlimited') }),
      'configmaps "c" is forbidden: insufficient quota to consume: configmaps,count/configmaps',
    )
  })
})
