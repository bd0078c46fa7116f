/** What stands beside objects: scale, binding, eviction and the others, each with a row of its own. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import type { Namespace } from '../../../api/types.ts'
import { namespaces, serviceAccounts } from '../../../api/resources.ts'
import type { Answer } from '../../harness/http.ts'
import { waitFor } from '../../harness/wait.ts'
import { resourceFacts } from './discovery-facts.ts'
import { expectFailure, expectObject, type Life, newLife, notFound, patchOf, send, stored } from './life.ts'
import { type Row, rows } from './rows.ts'
import type { RunningMatrix } from './running.ts'

const namespace = 'parts'

type Check = (life: Life) => Promise<void>

const field = (object: unknown, ...path: readonly string[]): unknown =>
  path.reduce<unknown>((value, name) => (value as Record<string, unknown> | undefined)?.[name], object)

const badRequest = (message: string) => ({ code: 400, reason: 'BadRequest', message })

const success = (answer: Answer): void =>
  assert.deepEqual(answer.json, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 })

const scale: Check = async (life) => {
  const path = `${life.path}/scale`
  const read = expectObject(await send(life, 'GET', path))
  assert.deepEqual([read.kind, read.apiVersion], ['Scale', 'autoscaling/v1'])
  assert.deepEqual(
    [read.metadata?.uid, read.metadata?.resourceVersion],
    [life.object.metadata?.uid, life.object.metadata?.resourceVersion],
  )
  const wanted = (replicas: number) => ({ ...read, spec: { replicas } })
  assert.equal(field(expectObject(await send(life, 'PUT', `${path}?dryRun=All`, wanted(2))), 'spec', 'replicas'), 2)
  assert.deepEqual(await stored(life), life.object)
  const negative = 'Invalid value: -1: must be greater than or equal to 0'
  const refused = await send(life, 'PUT', path, wanted(-1))
  expectFailure(refused, {
    code: 422,
    reason: 'Invalid',
    message: `Scale.autoscaling "${life.name}" is invalid: spec.replicas: ${negative}`,
    details: {
      name: life.name,
      group: 'autoscaling',
      kind: 'Scale',
      causes: [{ reason: 'FieldValueInvalid', message: negative, field: 'spec.replicas' }],
    },
  })
  const scaled = expectObject(await send(life, 'PUT', path, wanted(2)))
  assert.equal(field(scaled, 'spec', 'replicas'), 2)
  const object = await stored(life)
  assert.equal(field(object, 'spec', 'replicas'), 2)
  assert.equal(object.metadata?.generation, (life.object.metadata?.generation ?? 0) + 1)
  assert.equal((await send(life, 'PUT', path, wanted(3))).code, 409, 'a stale scale')
  for (const [type, body] of [
    ['merge', { spec: { replicas: 3 } }],
    ['strategic', { spec: { replicas: 4 } }],
    ['json', [{ op: 'replace', path: '/spec/replicas', value: 5 }]],
  ] as const) {
    expectObject(await patchOf(life, type, path, body))
  }
  const configuration = {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name: life.name },
    spec: { replicas: 6 },
  }
  expectObject(await patchOf(life, 'apply', `${path}?fieldManager=scaler&force=true`, configuration))
  const last = await stored(life)
  assert.equal(field(last, 'spec', 'replicas'), 6)
  const entry = last.metadata?.managedFields?.find(({ manager }) => manager === 'scaler')
  assert.deepEqual(
    [entry?.operation, entry?.subresource, entry?.apiVersion],
    ['Apply', 'scale', life.object.apiVersion],
  )
}

const binding: Check = async (life) => {
  const body = {
    kind: 'Binding',
    apiVersion: 'v1',
    metadata: { name: life.name },
    target: { kind: 'Node', name: 'somewhere' },
  }
  const nameless = await send(life, 'POST', `${life.path}/binding`, { ...body, target: { kind: 'Node' } })
  assert.deepEqual([nameless.code, nameless.status.details?.causes?.[0]?.field], [422, 'target.name'])
  success(await send(life, 'POST', `${life.path}/binding?dryRun=All`, body))
  assert.equal(field(await stored(life), 'spec', 'nodeName'), undefined)
  success(await send(life, 'POST', `${life.path}/binding`, body))
  assert.equal(field(await stored(life), 'spec', 'nodeName'), 'somewhere')
  expectFailure(await send(life, 'POST', `${life.path}/binding`, body), {
    code: 409,
    reason: 'Conflict',
    message: `Operation cannot be fulfilled on pods/binding "${life.name}": pod ${life.name} is already assigned to node "somewhere"`,
    details: { name: life.name, kind: 'pods/binding' },
  })
}

const eviction: Check = async (life) => {
  const body = { kind: 'Eviction', apiVersion: 'policy/v1', metadata: { name: life.name, namespace } }
  success(await send(life, 'POST', `${life.path}/eviction?dryRun=All`, body))
  await stored(life)
  success(await send(life, 'POST', `${life.path}/eviction`, body))
  expectFailure(await send(life, 'GET', life.path), notFound(life.row, life.name))
  expectFailure(await send(life, 'POST', `${life.path}/eviction`, body), notFound(life.row, life.name))
}

const ephemeralContainers: Check = async (life) => {
  const path = `${life.path}/ephemeralcontainers`
  assert.deepEqual(expectObject(await send(life, 'GET', path)), life.object)
  const ephemeral = { spec: { ephemeralContainers: [{ name: 'debug', image: 'none:1' }] } }
  const object = expectObject(await patchOf(life, 'strategic', path, ephemeral))
  assert.equal((field(object, 'spec', 'ephemeralContainers') as { name: string }[])[0]?.name, 'debug')
  const put = await send(life, 'PUT', path, { ...object, spec: life.object['spec'] })
  assert.deepEqual([put.code, put.status.reason], [422, 'Invalid'])
}

const resize: Check = async (life) => {
  const path = `${life.path}/resize`
  const change = { spec: { containers: [{ name: 'main', resources: { requests: { cpu: '2' } } }] } }
  const refused = await patchOf(life, 'strategic', path, change)
  assert.deepEqual(refused.status.details?.causes, [
    {
      reason: 'FieldValueInvalid',
      message: 'Invalid value: "BestEffort": Pod QOS Class may not change as a result of resizing',
      field: 'spec',
    },
  ])
  assert.deepEqual(expectObject(await send(life, 'PUT', path, life.object)), life.object)
}

const needsNode: Check = async (life) => {
  for (const part of ['exec', 'attach', 'portforward']) {
    const query = part === 'exec' ? '?command=ls&stdout=true' : '?stdout=true'
    for (const method of ['GET', 'POST']) {
      const answer = await send(life, method, `${life.path}/${part}${query}`)
      expectFailure(answer, badRequest(`pod ${life.name} does not have a host assigned`))
    }
  }
}

const log: Check = async (life) => {
  const answer = await send(life, 'GET', `${life.path}/log`)
  // There is nothing to read from yet.
  assert.deepEqual([answer.code, answer.text], [204, ''])
  const bad = await send(life, 'GET', `${life.path}/log?container=other`)
  expectFailure(bad, badRequest(`container other is not valid for pod ${life.name}`))
}

const proxiedPod: Check = async (life) => {
  const answer = await send(life, 'GET', `${life.path}/proxy/`)
  expectFailure(answer, badRequest('address not allowed'))
}

const proxiedService: Check = async (life) => {
  // No controller has made any.
  expectFailure(await send(life, 'GET', `${life.path}/proxy/`), {
    code: 404,
    reason: 'NotFound',
    message: `endpoints "${life.name}" not found`,
    details: { name: life.name, kind: 'endpoints' },
  })
  const endpoints = life.collection.replace(/services$/, 'endpoints')
  const made = { kind: 'Endpoints', apiVersion: 'v1', metadata: { name: life.name } }
  expectObject(await send(life, 'POST', endpoints, made), 201)
  expectFailure(await send(life, 'GET', `${life.path}/proxy/`), {
    code: 503,
    reason: 'ServiceUnavailable',
    message: `no endpoints available for service "${life.name}"`,
  })
}

const proxiedNode: Check = async (life) => {
  const { code } = await send(life, 'GET', `${life.path}/proxy/healthz`)
  assert.ok(code >= 500, `a node without an address: ${code}`)
}

const token: Check = async (life) => {
  const body = { kind: 'TokenRequest', apiVersion: 'authentication.k8s.io/v1', spec: { expirationSeconds: 600 } }
  const made = expectObject(await send(life, 'POST', `${life.path}/token`, body), 201)
  assert.deepEqual([made.kind, made.metadata?.name, made.metadata?.namespace], ['TokenRequest', life.name, namespace])
  assert.equal(String(field(made, 'status', 'token')).split('.').length, 3)
  const short = await send(life, 'POST', `${life.path}/token`, { ...body, spec: { expirationSeconds: 1 } })
  assert.deepEqual(short.status.details?.causes, [
    {
      reason: 'FieldValueInvalid',
      message: 'Invalid value: 1: may not specify a duration less than 10 minutes',
      field: 'spec.expirationSeconds',
    },
  ])
}

const approval: Check = async (life) => {
  const path = `${life.path}/approval`
  assert.deepEqual(expectObject(await send(life, 'GET', path)), life.object)
  const conditions = [{ type: 'Approved', status: 'True', reason: 'Tested', message: 'by a test' }]
  const body = { ...life.object, spec: { ...(life.object['spec'] as object), usages: ['any'] }, status: { conditions } }
  const approved = expectObject(await send(life, 'PUT', path, body))
  assert.deepEqual(approved['spec'], life.object['spec'])
  const [condition] = field(approved, 'status', 'conditions') as Record<string, unknown>[]
  assert.equal(condition?.['type'], 'Approved')
  assert.match(String(condition?.['lastUpdateTime']), /Z$/)
  assert.match(String(condition?.['lastTransitionTime']), /Z$/)
  const both = [...conditions, { ...conditions[0], type: 'Denied' }]
  const refused = await patchOf(life, 'merge', path, { status: { conditions: both } })
  assert.deepEqual([refused.code, refused.status.reason], [422, 'Invalid'])
}

/** Every step of every-resource.ts goes through these. */
const elsewhere: Check = async () => undefined

const checks: Readonly<Record<string, Check>> = {
  status: elsewhere,
  'namespaces/finalize': elsewhere,
  scale,
  'pods/binding': binding,
  'pods/eviction': eviction,
  'pods/ephemeralcontainers': ephemeralContainers,
  'pods/resize': resize,
  'pods/exec': needsNode,
  'pods/attach': needsNode,
  'pods/portforward': needsNode,
  'pods/log': log,
  'pods/proxy': proxiedPod,
  'services/proxy': proxiedService,
  'nodes/proxy': proxiedNode,
  'serviceaccounts/token': token,
  'certificatesigningrequests/approval': approval,
}

const checkOf = (resource: string, subresource: string): Check => {
  const check = checks[`${resource}/${subresource}`] ?? checks[subresource]
  if (check === undefined) throw new Error(`the matrix has no row for ${resource}/${subresource}`)
  return check
}

const rowOf = (name: string, version: string, group: string): Row => {
  const row = rows.find(({ facts }) => facts.name === name && facts.version === version && facts.group === group)
  if (row === undefined) throw new Error(`the matrix has no row for ${name}`)
  return row
}

export const describeSubresources = (running: RunningMatrix): void => {
  describe('subresources', () => {
    before(async () => {
      const { client } = running().cluster
      await client.create<Namespace>(namespaces, { metadata: { name: namespace } })
      await waitFor(() => client.get(serviceAccounts, 'default', namespace), { what: 'the ServiceAccount' })
    })

    for (const { name, version, group, subresources } of resourceFacts) {
      for (const subresource of subresources) {
        const check = checkOf(name, subresource.name)
        if (check === elsewhere) continue
        it(`${name}.${version}${group === '' ? '' : `.${group}`}/${subresource.name}`, async () => {
          const life = newLife(rowOf(name, version, group), running(), namespace)
          life.object = expectObject(await send(life, 'POST', life.collection, life.object), 201)
          try {
            await check(life)
          } finally {
            await send(life, 'DELETE', life.path, { propagationPolicy: 'Background', gracePeriodSeconds: 0 })
          }
        })
      }
    }
  })
}
