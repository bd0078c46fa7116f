import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, describe, it } from 'node:test'
import type { KubeObject } from '../../../api/types.ts'
import { realClock } from '../../../component-base/clock.ts'
import { type AdmissionFixture, createAdmissionFixture } from '../admission-fixture.ts'
import { ConfigError } from '../config/decode-config.ts'
import { imagePolicyWebhook } from './image-policy-webhook.ts'

let fixture: AdmissionFixture
let server: Server
const folder = mkdtempSync(join(tmpdir(), 'kubets-image-policy-'))
const kubeConfigFile = join(folder, 'webhook.conf')
/** What the service was asked, and how it answers. */
const asked: string[] = []
let answer: (images: readonly string[]) => object | undefined = () => ({ allowed: true })

interface Review {
  readonly kind: string
  readonly apiVersion: string
  readonly spec: {
    readonly containers: { readonly image: string }[]
    readonly annotations?: object
    readonly namespace: string
  }
}

before(async () => {
  fixture = await createAdmissionFixture()
  server = createServer((request, response) => {
    void text(request).then((body) => {
      const review = JSON.parse(body) as Review
      const images = review.spec.containers.map(({ image }) => image)
      asked.push(
        `${review.apiVersion} ${review.kind} ${review.spec.namespace} ${images.join(',')} ${JSON.stringify(review.spec.annotations ?? {})}`,
      )
      const status = answer(images)
      response.writeHead(status === undefined ? 403 : 200, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ ...review, status }))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const cluster = { name: 'c', cluster: { server: `http://127.0.0.1:${port}/review` } }
  const context = { name: 'x', context: { cluster: 'c', user: 'u' } }
  writeFileSync(
    kubeConfigFile,
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [cluster],
      users: [{ name: 'u', user: {} }],
      contexts: [context],
      'current-context': 'x',
    }),
  )
})
after(() => {
  fixture[Symbol.dispose]()
  server.closeAllConnections()
  server.close()
  rmSync(folder, { recursive: true })
})

const config = (imagePolicy: object) => ({ value: { imagePolicy: { kubeConfigFile, ...imagePolicy } }, duplicates: [] })
const aPod = (image: string, annotations: Record<string, string> = {}): KubeObject => ({
  metadata: { name: 'p', namespace: 'ns', annotations },
  spec: {
    containers: [{ name: 'c', image }],
    initContainers: [{ name: 'i', image: 'init' }],
    ephemeralContainers: [{ name: 'e', image: 'debug' }],
  },
})

const setUp = (imagePolicy: object = {}) => {
  let now = 0
  const plugin = imagePolicyWebhook(config(imagePolicy), { ...realClock, now: () => now })
  return {
    plugin,
    advance: (ms: number) => (now += ms),
    refusal: (object: KubeObject, resource = 'pods') => fixture.refusal(plugin, { resource, object }),
  }
}

describe('ImagePolicyWebhook', () => {
  it('asks for the images of a Pod, with the annotations that are for it', async () => {
    asked.length = 0
    const { refusal } = setUp()
    const annotations = { 'x.image-policy.k8s.io/ticket': '7', other: 'x' }
    assert.equal(await refusal(aPod('good', annotations)), '')
    assert.equal(await refusal(aPod('good'), 'pods/ephemeralcontainers'), '')
    assert.equal(await refusal(aPod('good'), 'pods/status'), '')
    assert.deepEqual(asked, [
      'imagepolicy.k8s.io/v1alpha1 ImageReview ns good,init {"x.image-policy.k8s.io/ticket":"7"}',
      'imagepolicy.k8s.io/v1alpha1 ImageReview ns debug {}',
    ])
  })

  it('refuses what the service refuses, with its reason and its notes', async () => {
    answer = ([image]) => (image === 'bad' ? { allowed: false, reason: 'too old' } : { allowed: false })
    const { refusal, plugin } = setUp()
    assert.equal(
      await refusal(aPod('bad')),
      'pods "p" is forbidden: image policy webhook backend denied one or more images: too old',
    )
    assert.equal(await refusal(aPod('worse')), 'pods "p" is forbidden: one or more images rejected by webhook backend')
    answer = () => ({ allowed: true, auditAnnotations: { 'checked-by': 'me' } })
    const { annotations } = await fixture.admit(plugin, { resource: 'pods', object: aPod('noted') })
    assert.deepEqual(annotations, { 'imagepolicywebhook.image-policy.k8s.io/checked-by': 'me' })
  })

  it('remembers answers for their time', async () => {
    asked.length = 0
    const { refusal, advance } = setUp({ allowTTL: 10, denyTTL: 5 })
    answer = ([image]) => ({ allowed: image === 'good' })
    for (const image of ['good', 'bad', 'good', 'bad']) await refusal(aPod(image))
    assert.equal(asked.length, 2)
    advance(6000)
    for (const image of ['good', 'bad']) await refusal(aPod(image))
    assert.equal(asked.length, 3)
    advance(5000)
    await refusal(aPod('good'))
    assert.equal(asked.length, 4)
  })

  it('fails closed, or open with a mark where it is told so', async () => {
    answer = () => undefined
    assert.match(await setUp().refusal(aPod('any')), /^pods "p" is forbidden: the server answered 403/)
    const { plugin } = setUp({ defaultAllow: true })
    const { object, annotations } = await fixture.admit(plugin, { resource: 'pods', object: aPod('any') })
    assert.equal(object?.metadata?.annotations?.['alpha.image-policy.k8s.io/failed-open'], 'true')
    assert.deepEqual(annotations, { 'imagepolicywebhook.image-policy.k8s.io/failed-open': 'true' })
  })

  it('is not started without a configuration that holds', () => {
    const refused = (message: RegExp, configuration: Parameters<typeof imagePolicyWebhook>[0]) =>
      assert.throws(
        () => imagePolicyWebhook(configuration, realClock),
        (error) => error instanceof ConfigError && message.test(error.message),
      )
    refused(/^no config specified$/, undefined)
    refused(/^valid value is between 1s and 30m0s, got 3600s$/, config({ allowTTL: 3600 }))
    refused(/ENOENT/, config({ kubeConfigFile: join(folder, 'missing') }))
    refused(/unknown field "imagePolicy.allowTtl"/, config({ allowTtl: 1 }))
    assert.ok(setUp({ denyTTL: -1 }))
  })
})
