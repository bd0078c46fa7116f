/** Answers have the bytes that upstream's would have, whatever a client sent and whichever way it asks. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createHttp, type Http, pkiCredentials } from '../harness/http.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { waitFor } from '../harness/wait.ts'

let call: Http

// Nobody but the tests writes ReplicaSets.
useCluster({ extraArgs: { 'kube-controller-manager': { controllers: '*,-replicaset-controller' } } }, (cluster) => {
  call = createHttp(cluster, pkiCredentials(cluster, 'admin'))
})

const replicaSets = '/apis/apps/v1/namespaces/default/replicasets'

/** Backwards, with zeros that Go omits and without those that it writes. */
const sent = (name: string): string =>
  `{"spec":{"template":{"spec":{"tolerations":[],"hostNetwork":false,"containers":[{"env":[{"value":"","name":"E"}],
   "stdin":false,"image":"web:1","name":"web"}]},"metadata":{"labels":{"b":"2","a":"1"},"creationTimestamp":null}},
   "selector":{"matchLabels":{"a":"1"}},"minReadySeconds":0,"replicas":0},"metadata":{"annotations":{"z":"","html":"<&>"},
   "name":"${name}"},"apiVersion":"apps/v1","kind":"ReplicaSet"}`

/** From `spec` to the end, but for what a test changes. */
const rest = (replicas: number): string =>
  `"spec":{"replicas":${replicas},"selector":{"matchLabels":{"a":"1"}},"template":{"metadata":{"labels":{"a":"1","b":"2"}},` +
  '"spec":{"containers":[{"name":"web","image":"web:1","env":[{"name":"E"}],"resources":{},"terminationMessagePath":' +
  '"/dev/termination-log","terminationMessagePolicy":"File","imagePullPolicy":"IfNotPresent"}],"restartPolicy":"Always",' +
  '"terminationGracePeriodSeconds":30,"dnsPolicy":"ClusterFirst","securityContext":{},"schedulerName":' +
  '"default-scheduler"}}},"status":{"replicas":0}}'

/** What the server chooses, and the bookkeeping of managers, made the same. */
const plain = (text: string): string =>
  text
    .replaceAll(/"(uid|resourceVersion|creationTimestamp|time)":"[^"]*"/g, '"$1":"…"')
    .replaceAll(/"managedFields":\[.*?\]\}(?=,"spec")/g, '"managedFields":[…]}')

const wanted = (name: string, { replicas = 0, generation = 1, z = '' } = {}): string =>
  `{"kind":"ReplicaSet","apiVersion":"apps/v1","metadata":{"name":"${name}","namespace":"default","uid":"…",` +
  `"resourceVersion":"…","generation":${generation},"creationTimestamp":"…","annotations":{"html":"\\u003c\\u0026\\u003e",` +
  `"z":"${z}"},"managedFields":[…]},${rest(replicas)}`

const json = { 'content-type': 'application/json' }

describe('the bytes of an answer', () => {
  it('are those of Go: order, zeros, escapes, and a newline at the end', async () => {
    const created = await call(replicaSets, { method: 'POST', body: sent('first'), headers: json })
    assert.equal(plain(created.text), `${wanted('first')}\n`)
    const read = await call(`${replicaSets}/first`)
    assert.equal(read.text, created.text)
  })

  it('are the same after an update, which changes nothing by another order', async () => {
    const created = await call(replicaSets, { method: 'POST', body: sent('second'), headers: json })
    const updated = await call(`${replicaSets}/second`, { method: 'PUT', body: sent('second'), headers: json })
    assert.equal(updated.text, created.text)
  })

  it('are in order after every kind of patch, in a dry run as well', async () => {
    await call(replicaSets, { method: 'POST', body: sent('third'), headers: json })
    const patch = async (type: string, body: string, query = ''): Promise<string> => {
      const headers = { 'content-type': `application/${type}` }
      return plain((await call(`${replicaSets}/third${query}`, { method: 'PATCH', body, headers })).text)
    }
    const merged = await patch('merge-patch+json', '{"spec":{"replicas":1},"metadata":{"annotations":{"z":"a"}}}')
    assert.equal(merged, `${wanted('third', { replicas: 1, generation: 2, z: 'a' })}\n`)
    const byJson = '[{"op":"remove","path":"/spec/replicas"},{"op":"add","path":"/spec/replicas","value":2}]'
    const third = { replicas: 2, generation: 3, z: 'a' }
    assert.equal(await patch('json-patch+json', byJson, '?dryRun=All'), `${wanted('third', third)}\n`)
    assert.equal(await patch('json-patch+json', byJson), `${wanted('third', third)}\n`)
    const container = '{"image":"web:1","name":"web","tty":false,"stdin":false}'
    const strategic = `{"spec":{"template":{"spec":{"containers":[${container}]}},"replicas":3}}`
    const fourth = { replicas: 3, generation: 4, z: 'a' }
    assert.equal(await patch('strategic-merge-patch+json', strategic), `${wanted('third', fourth)}\n`)
    const applied = await patch(
      'apply-patch+yaml',
      '{"metadata":{"annotations":{"z":"b"}},"kind":"ReplicaSet","apiVersion":"apps/v1"}',
      '?fieldManager=test&force=true',
    )
    assert.equal(applied, `${wanted('third', { ...fourth, z: 'b' })}\n`)
  })

  it('are those of a dry run, whose object comes to be', async () => {
    const body = sent('fourth')
    const tried = await call(`${replicaSets}?dryRun=All`, { method: 'POST', body, headers: json })
    assert.equal(plain(tried.text), `${wanted('fourth').replace('"resourceVersion":"…",', '')}\n`)
  })

  it('are the same in a list and in a watch', async () => {
    const { text } = await call(replicaSets, { method: 'POST', body: sent('fifth'), headers: json })
    const object = text.trimEnd()
    const query = 'fieldSelector=metadata.name%3Dfifth'
    const list = await call(`${replicaSets}?${query}`)
    assert.equal(
      list.text.replace(/"resourceVersion":"\d+"/, '"resourceVersion":"…"'),
      [
        '{"kind":"ReplicaSetList","apiVersion":"apps/v1","metadata":{"resourceVersion":"…"},"items":[{',
        object.slice('{"kind":"ReplicaSet","apiVersion":"apps/v1",'.length),
        ']}\n',
      ].join(''),
    )
    const watch = await call(`${replicaSets}?${query}&watch=true&timeoutSeconds=1`)
    assert.equal(watch.text, `{"type":"ADDED","object":${object}}\n`)
  })

  it('are in order where the kind is none that is stored: Status, Scale, reviews, metadata', async () => {
    const missing = await call(`${replicaSets}/none`)
    assert.equal(
      missing.text,
      '{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"replicasets.apps \\"none\\" not found",' +
        '"reason":"NotFound","details":{"name":"none","group":"apps","kind":"replicasets"},"code":404}\n',
    )
    await call(replicaSets, { method: 'POST', body: sent('sixth'), headers: json })
    const scale = await call(`${replicaSets}/sixth/scale`)
    assert.equal(
      plain(scale.text),
      '{"kind":"Scale","apiVersion":"autoscaling/v1","metadata":{"name":"sixth","namespace":"default","uid":"…",' +
        '"resourceVersion":"…","creationTimestamp":"…"},"spec":{},"status":{"replicas":0,"selector":"a=1"}}\n',
    )
    const body = '{"spec":{"resourceAttributes":{"verb":"get","resource":"pods","namespace":""}}}'
    const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'
    const review = await call(path, { method: 'POST', body, headers: json })
    assert.match(
      review.text,
      /^\{"kind":"SelfSubjectAccessReview","apiVersion":"authorization.k8s.io\/v1","metadata":\{.*?\},"spec":\{"resourceAttributes":\{"verb":"get","resource":"pods"\}\},"status":\{"allowed":true,/,
    )
    const accept = 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io'
    const metadata = await call(`${replicaSets}/sixth`, { headers: { accept } })
    const whole = await call(`${replicaSets}/sixth`)
    const [, part = ''] = /("metadata":\{.*\]\}),"spec"/.exec(whole.text) ?? []
    assert.equal(metadata.text, `{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1",${part}}\n`)
  })

  it('have sorted keys where the resource is custom, in a list as well', async () => {
    const group = 'bytes.example.com'
    const openAPIV3Schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }
    await call('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
      method: 'POST',
      body: {
        apiVersion: 'apiextensions.k8s.io/v1',
        kind: 'CustomResourceDefinition',
        metadata: { name: `things.${group}` },
        spec: {
          group,
          scope: 'Cluster',
          names: { plural: 'things', kind: 'Thing' },
          versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema } }],
        },
      },
    })
    const things = `/apis/${group}/v1/things`
    const body = `{"kind":"Thing","z":{"b":1,"a":"<"},"metadata":{"name":"x"},"list":[],"apiVersion":"${group}/v1"}`
    const { text } = await waitFor(
      async () => {
        const answer = await call(things, { method: 'POST', body, headers: json })
        return answer.code === 201 ? answer : undefined
      },
      { what: 'the definition to be served' },
    )
    const thing =
      `{"apiVersion":"${group}/v1","kind":"Thing","list":[],"metadata":{"creationTimestamp":"…","generation":1,` +
      '"managedFields":[…],"name":"x","resourceVersion":"…","uid":"…"},"z":{"a":"\\u003c","b":1}}'
    const shown = text.replace(/"managedFields":\[.*\](?=,"name")/, '"managedFields":[…]')
    assert.equal(plain(shown), `${thing}\n`)
    assert.equal((await call(`${things}/x`)).text, text)
    const list = await call(things)
    assert.equal(
      list.text.replace(/"resourceVersion":"\d+"\}\}\n$/, '"resourceVersion":"…"}}\n'),
      `{"apiVersion":"${group}/v1","items":[${text.trimEnd()}],"kind":"ThingList","metadata":{"continue":"","resourceVersion":"…"}}\n`,
    )
  })
})
