/** PodNodeSelector and PodTolerationRestriction: what a namespace says of its Pods. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { KubeObject, Pod, Toleration } from '../../../api/types.ts'
import { type AdmissionFixture, createAdmissionFixture } from '../admission-fixture.ts'
import { ConfigError } from '../config/decode-config.ts'
import { podNodeSelector } from './pod-node-selector.ts'
import { podTolerationRestriction } from './pod-toleration-restriction.ts'

let fixture: AdmissionFixture
const document = (value: object) => ({ value, duplicates: [] })

const aPod = (namespace: string, spec: object = {}): KubeObject => ({
  metadata: { name: 'p', namespace },
  spec: { containers: [{ name: 'c' }], ...spec },
})

before(async () => {
  fixture = await createAdmissionFixture()
  const put = (name: string, annotations: Record<string, string> = {}) =>
    fixture.put('namespaces', { metadata: { name, annotations } })
  await put('plain')
  await put('limited')
  await put('own', { 'scheduler.alpha.kubernetes.io/node-selector': 'disk=ssd, zone=a' })
  await put('empty', { 'scheduler.alpha.kubernetes.io/node-selector': '' })
  const list = (...keys: string[]): string => JSON.stringify(keys.map((key) => ({ key, operator: 'Exists' })))
  await put('tolerant', {
    'scheduler.alpha.kubernetes.io/defaultTolerations': list('a'),
    'scheduler.alpha.kubernetes.io/tolerationsWhitelist': list('a', 'b', 'node.kubernetes.io/memory-pressure'),
  })
  await put('bare', { 'scheduler.alpha.kubernetes.io/defaultTolerations': '' })
  await put('broken', { 'scheduler.alpha.kubernetes.io/defaultTolerations': '[{' })
})
after(() => fixture[Symbol.dispose]())

describe('PodNodeSelector', () => {
  const config = { podNodeSelectorPluginConfig: { clusterDefaultNodeSelector: 'env=prod', limited: 'env=prod,team=x' } }
  const plugin = (value: object = config) => podNodeSelector(fixture.resource('namespaces'), document(value))
  const selector = async (namespace: string, nodeSelector: object = {}) => {
    const { object } = await fixture.admit(plugin(), { resource: 'pods', object: aPod(namespace, { nodeSelector }) })
    return (object as Pod).spec?.nodeSelector
  }

  it('gives Pods the selector of their namespace, or the cluster’s', async () => {
    assert.deepEqual(await selector('plain', { a: 'b' }), { env: 'prod', a: 'b' })
    assert.deepEqual(await selector('own'), { disk: 'ssd', zone: 'a' })
    assert.deepEqual(await selector('empty'), {})
    assert.deepEqual(await selector('limited', { team: 'x' }), { env: 'prod', team: 'x' })
  })

  it('refuses what contradicts it, and what the namespace may not ask for', async () => {
    const refusal = (namespace: string, nodeSelector: object) =>
      fixture.refusal(plugin(), { resource: 'pods', object: aPod(namespace, { nodeSelector }) })
    const says = 'pods "p" is forbidden: pod node label selector'
    assert.equal(await refusal('own', { disk: 'hdd' }), `${says} conflicts with its namespace node label selector`)
    assert.equal(await refusal('limited', { a: 'b' }), `${says} labels conflict with its namespace whitelist`)
    assert.equal(await refusal('nowhere', {}), 'namespaces "nowhere" not found')
  })

  it('is configured strictly', () => {
    assert.throws(() => plugin({ podNodeSelectorConfig: {} }), ConfigError)
  })
})

describe('PodTolerationRestriction', () => {
  const exists = (key: string): Toleration => ({ key, operator: 'Exists' })
  const config = {
    apiVersion: 'podtolerationrestriction.admission.k8s.io/v1alpha1',
    kind: 'Configuration',
    default: [exists('cluster')],
    whitelist: [exists('cluster'), exists('b')],
  }
  const plugin = (value: object = config) => podTolerationRestriction(fixture.resource('namespaces'), document(value))
  const keysOf = async (namespace: string, tolerations: Toleration[] = [], more: object = {}) => {
    const object = aPod(namespace, { tolerations, ...more })
    const admitted = await fixture.admit(plugin(), { resource: 'pods', object })
    return (admitted.object as Pod).spec?.tolerations?.map(({ key }) => key)
  }

  it('adds the defaults of the namespace, or the cluster’s', async () => {
    assert.deepEqual(await keysOf('plain'), ['cluster'])
    assert.deepEqual(await keysOf('tolerant', [exists('b')]), ['a', 'b'])
    // An annotation without a list is a list without entries.
    assert.deepEqual(await keysOf('bare'), [])
    const burstable = { containers: [{ name: 'c', resources: { requests: { cpu: '1' } } }] }
    assert.deepEqual(await keysOf('tolerant', [], burstable), ['a', 'node.kubernetes.io/memory-pressure'])
  })

  it('refuses what is not allowed, also when a Pod is changed', async () => {
    const object = aPod('plain', { tolerations: [exists('evil')] })
    const says =
      'pod tolerations (possibly merged with namespace default tolerations) conflict with its namespace whitelist'
    assert.equal(await fixture.refusal(plugin(), { resource: 'pods', object }), says)
    const update = { operation: 'UPDATE', resource: 'pods', object, oldObject: aPod('plain') } as const
    assert.equal(await fixture.refusal(plugin(), update), says)
    assert.notEqual(await fixture.refusal(plugin(), { resource: 'pods', object: aPod('broken') }), '')
  })

  it('is configured strictly', () => {
    assert.throws(() => plugin({ ...config, allowed: [] }), /strict decoding error: unknown field "allowed"/)
  })
})
