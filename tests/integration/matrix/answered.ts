/** Resources that are answered and not stored: each has a row of its own. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { KubeObject } from '../../../api/types.ts'
import { compact } from '../../harness/protobuf.ts'
import { apiVersionOf, sampleOf } from './corpus.ts'
import { resourceFacts, type ResourceFacts } from './discovery-facts.ts'
import { expectFailure, expectObject } from './life.ts'
import { unstored } from './rows.ts'
import type { Matrix, RunningMatrix } from './running.ts'

type Check = (matrix: Matrix, facts: ResourceFacts) => Promise<void>

const pathOf = ({ group, version, name, namespaced }: ResourceFacts): string =>
  `${group === '' ? '/api' : `/apis/${group}`}/${version}${namespaced ? '/namespaces/default' : ''}/${name}`

/** Asked as JSON and as protobuf, which must say the same. */
const review = async (matrix: Matrix, facts: ResourceFacts, spec: object | undefined): Promise<unknown> => {
  const body = { kind: facts.kind, apiVersion: apiVersionOf(facts), ...(spec === undefined ? {} : { spec }) }
  const answer = expectObject(await matrix.http(pathOf(facts), { method: 'POST', body }), 201)
  assert.deepEqual([answer.kind, answer.apiVersion], [facts.kind, apiVersionOf(facts)])
  const { code, object } = await matrix.protobuf.call(pathOf(facts), { method: 'POST', body })
  assert.equal(code, 201)
  const withoutTime = ({ metadata: _, ...rest }: KubeObject): KubeObject => rest
  assert.deepEqual(compact(withoutTime(object())), compact(withoutTime(answer)))
  return answer['status']
}

const invalidReview = async (
  matrix: Matrix,
  facts: ResourceFacts,
  spec: object,
  causes: readonly (readonly [field: string, message: string])[],
): Promise<void> => {
  const body = { kind: facts.kind, apiVersion: apiVersionOf(facts), spec }
  const lines = causes.map(([field, message]) => `${field}: ${message}`)
  expectFailure(await matrix.http(pathOf(facts), { method: 'POST', body }), {
    code: 422,
    reason: 'Invalid',
    message: `${facts.kind}.${facts.group} "" is invalid: ${lines.length === 1 ? lines[0] : `[${lines.join(', ')}]`}`,
    details: {
      group: facts.group,
      kind: facts.kind,
      causes: causes.map(([field, message]) => ({
        reason: message.startsWith('Required') ? 'FieldValueRequired' : 'FieldValueInvalid',
        message,
        field,
      })),
    },
  })
}

const getPods = { resourceAttributes: { namespace: 'default', verb: 'get', resource: 'pods' } }
const neither: readonly [string, string] = [
  'spec.resourceAttributes',
  'Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified',
]
const nobodyAsked: readonly [string, string] = [
  'spec.user',
  'Invalid value: "": at least one of user or group must be specified',
]

const bindings: Check = async (matrix, facts) => {
  const pods = '/api/v1/namespaces/default/pods'
  const row = resourceFacts.find(({ name }) => name === 'pods')
  if (row === undefined) throw new Error('there are no pods')
  const pod = sampleOf(row, 'default')
  const name = 'to-be-bound'
  expectObject(await matrix.http(pods, { method: 'POST', body: { ...pod, metadata: { ...pod.metadata, name } } }), 201)
  const body = { kind: 'Binding', apiVersion: 'v1', metadata: { name }, target: { kind: 'Node', name: 'somewhere' } }
  const bound = await matrix.http(pathOf(facts), { method: 'POST', body })
  assert.deepEqual(bound.json, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 })
  const { spec } = expectObject(await matrix.http(`${pods}/${name}`)) as KubeObject & { spec: { nodeName?: string } }
  assert.equal(spec.nodeName, 'somewhere')
  await matrix.http(`${pods}/${name}`, { method: 'DELETE', body: { gracePeriodSeconds: 0 } })
}

const componentStatuses: Check = async (matrix, facts) => {
  const answer = await matrix.http(pathOf(facts))
  const list = expectObject(answer) as KubeObject & { items: KubeObject[] }
  assert.deepEqual([list.kind, list.apiVersion], ['ComponentStatusList', 'v1'])
  const names = list.items.map(({ metadata }) => metadata?.name)
  assert.deepEqual(names, ['controller-manager', 'etcd-0', 'scheduler'])
  assert.equal(answer.headers['warning'], '299 - "v1 ComponentStatus is deprecated in v1.19+"')
  assert.deepEqual(list.metadata, {})
  const scheduler = list.items.find(({ metadata }) => metadata?.name === 'scheduler')
  // A cluster of the tests has its scheduler on another port than upstream asks.
  const refused = 'Get "https://127.0.0.1:10259/healthz": dial tcp 127.0.0.1:10259: connect: connection refused'
  const [condition] = (scheduler?.['conditions'] ?? []) as { status: string; message: string }[]
  assert.ok(condition?.status === 'True' || condition?.message === refused, condition?.message)
  const one = expectObject(await matrix.http(`${pathOf(facts)}/etcd-0`))
  assert.deepEqual(one['conditions'], [{ type: 'Healthy', status: 'True', message: 'ok' }])
  expectFailure(await matrix.http(`${pathOf(facts)}/missing`), {
    code: 404,
    reason: 'NotFound',
    message: 'componentstatuses "missing" not found',
    details: { name: 'missing', kind: 'componentstatuses' },
  })
}

const admin = { username: 'kubernetes-admin' }

const checks: Readonly<Record<string, Check>> = {
  bindings,
  componentstatuses: componentStatuses,
  selfsubjectreviews: async (matrix, facts) => {
    const status = (await review(matrix, facts, undefined)) as { userInfo: { username: string; groups: string[] } }
    assert.equal(status.userInfo.username, admin.username)
    assert.ok(status.userInfo.groups.includes('system:authenticated'))
  },
  tokenreviews: async (matrix, facts) => {
    const status = (await review(matrix, facts, { token: 'nonsense' })) as { authenticated?: boolean; error?: string }
    assert.notEqual(status.authenticated, true)
    assert.match(status.error ?? '', /invalid bearer token/)
    const body = { kind: facts.kind, apiVersion: apiVersionOf(facts), spec: {} }
    expectFailure(await matrix.http(pathOf(facts), { method: 'POST', body }), {
      code: 400,
      reason: 'BadRequest',
      message: 'token is required for TokenReview in authentication',
    })
  },
  subjectaccessreviews: async (matrix, facts) => {
    assert.deepEqual(await review(matrix, facts, { ...getPods, user: 'nobody' }), { allowed: false })
    assert.deepEqual(await review(matrix, facts, { ...getPods, user: 'x', groups: ['system:masters'] }), {
      allowed: true,
    })
    await invalidReview(matrix, facts, { user: 'nobody' }, [neither])
    await invalidReview(matrix, facts, getPods, [nobodyAsked])
    // Who has asked is noted, though nothing is stored.
    const body = { kind: facts.kind, apiVersion: apiVersionOf(facts), spec: { ...getPods, user: 'nobody' } }
    const { metadata } = expectObject(
      await matrix.http(`${pathOf(facts)}?fieldManager=me`, { method: 'POST', body }),
      201,
    )
    assert.deepEqual(
      metadata?.managedFields?.map(({ time: _, ...rest }) => rest),
      [
        {
          manager: 'me',
          operation: 'Update',
          apiVersion: apiVersionOf(facts),
          fieldsType: 'FieldsV1',
          fieldsV1: {
            'f:spec': {
              'f:resourceAttributes': { '.': {}, 'f:namespace': {}, 'f:resource': {}, 'f:verb': {} },
              'f:user': {},
            },
          },
        },
      ],
    )
  },
  localsubjectaccessreviews: async (matrix, facts) => {
    assert.deepEqual(await review(matrix, facts, { ...getPods, user: 'nobody' }), { allowed: false })
    const elsewhere = { resourceAttributes: { ...getPods.resourceAttributes, namespace: 'other' }, user: 'nobody' }
    await invalidReview(matrix, facts, elsewhere, [
      ['spec.resourceAttributes.namespace', 'Invalid value: "other": must match metadata.namespace'],
    ])
  },
  selfsubjectaccessreviews: async (matrix, facts) => {
    const status = (await review(matrix, facts, getPods)) as { allowed: boolean }
    assert.equal(status.allowed, true)
    await invalidReview(matrix, facts, {}, [
      [neither[0], 'Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified'],
    ])
  },
  selfsubjectrulesreviews: async (matrix, facts) => {
    const status = (await review(matrix, facts, { namespace: 'default' })) as { resourceRules: { verbs: string[] }[] }
    assert.ok(status.resourceRules.some(({ verbs }) => verbs.includes('*')))
    const body = { kind: facts.kind, apiVersion: apiVersionOf(facts), spec: {} }
    expectFailure(await matrix.http(pathOf(facts), { method: 'POST', body }), {
      code: 400,
      reason: 'BadRequest',
      message: 'no namespace on request',
    })
  },
}

export const describeAnswered = (running: RunningMatrix): void => {
  describe('resources that are answered and not stored', () => {
    for (const facts of resourceFacts.filter(unstored)) {
      const check = checks[facts.name]
      if (check === undefined) throw new Error(`the matrix has no row for ${facts.name}`)
      it(facts.name, () => check(running(), facts))
    }
  })
}
