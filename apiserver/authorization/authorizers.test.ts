import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { UserInfo } from '../authentication/user.ts'
import { abacAuthorizer, abacRules, parseAbacPolicies } from './abac-policy.ts'
import { type Attributes, attributesOf, type Decision, unionAuthorizer } from './authorizer.ts'
import { compileMatchConditions } from './match-conditions.ts'
import { reviewedSelectors } from './selectors.ts'
import { decodeReview, encodeReview, reviewSpecOf } from './subject-access-review.ts'
import { parseRequestInfo } from '../server/request-info.ts'

const ann: UserInfo = { name: 'ann', uid: '', groups: ['devs', 'system:authenticated'], extra: {} }

const ask = (line: string, user = ann): Attributes => {
  const [method = '', url = ''] = line.split(' ')
  const { pathname, searchParams } = new URL(url, 'https://server')
  return attributesOf(user, parseRequestInfo(method, pathname, searchParams), searchParams)
}

describe('a SubjectAccessReview', () => {
  it('has what the request has, without what is empty', () => {
    assert.deepEqual(reviewSpecOf(ask('GET /api/v1/namespaces/a/pods/p/log')), {
      resourceAttributes: {
        namespace: 'a',
        verb: 'get',
        version: 'v1',
        resource: 'pods',
        name: 'p',
        subresource: 'log',
      },
      user: 'ann',
      groups: ['devs', 'system:authenticated'],
    })
    assert.deepEqual(reviewSpecOf(ask('GET /metrics', { ...ann, groups: [], extra: { a: ['b'] }, uid: '1' })), {
      nonResourceAttributes: { path: '/metrics', verb: 'get' },
      user: 'ann',
      extra: { a: ['b'] },
      uid: '1',
    })
  })

  it('tells the selectors of lists, watches and deletions of collections, as far as they can be read', () => {
    const selected = (line: string) => {
      const { fieldSelector, labelSelector } = reviewSpecOf(ask(line)).resourceAttributes ?? {}
      return [fieldSelector?.requirements, labelSelector?.requirements]
    }
    assert.deepEqual(
      selected(
        'GET /api/v1/pods?fieldSelector=spec.nodeName%3Dn1,status.phase!%3DFailed&labelSelector=a%3D1,b+notin+(x,y),!c,d,e>5',
      ),
      [
        [
          { key: 'spec.nodeName', operator: 'In', values: ['n1'] },
          { key: 'status.phase', operator: 'NotIn', values: ['Failed'] },
        ],
        [
          { key: 'a', operator: 'In', values: ['1'] },
          { key: 'b', operator: 'NotIn', values: ['x', 'y'] },
          { key: 'c', operator: 'DoesNotExist' },
          { key: 'd', operator: 'Exists' },
        ],
      ],
    )
    assert.deepEqual(selected('DELETE /api/v1/namespaces/a/pods?labelSelector=a'), [
      undefined,
      [{ key: 'a', operator: 'Exists' }],
    ])
    assert.deepEqual(selected('GET /api/v1/namespaces/a/pods/p?labelSelector=a'), [undefined, undefined])
    assert.deepEqual(selected('GET /api/v1/pods?fieldSelector=((&labelSelector=a+in'), [undefined, undefined])
  })

  it('asks about selectors, too; what no selector can mean narrows nothing', () => {
    const { fieldSelector, labelSelector } = reviewedSelectors({
      fieldSelector: {
        requirements: [
          { key: 'spec.nodeName', operator: 'In', values: ['n1'] },
          { key: 'spec.nodeName', operator: 'In', values: ['n1', 'n2'] },
          { key: 'spec.nodeName', operator: 'Exists' },
        ],
      },
      labelSelector: {
        requirements: [
          { key: 'a', operator: 'NotIn', values: ['1'] },
          { key: 'b', operator: 'Resembles', values: ['1'] },
        ],
      },
    })
    assert.deepEqual(fieldSelector, [{ field: 'spec.nodeName', op: '=', value: 'n1' }])
    assert.deepEqual(labelSelector, [{ key: 'a', op: 'notin', values: ['1'] }])
    assert.deepEqual(reviewedSelectors({ labelSelector: { rawSelector: 'a=1' } }).labelSelector, [
      { key: 'a', op: '=', values: ['1'] },
    ])
  })

  it('calls groups by another name in v1beta1', () => {
    const spec = reviewSpecOf(ask('GET /api/v1/pods'))
    const { apiVersion, spec: sent } = JSON.parse(encodeReview('v1beta1', spec)) as Record<string, unknown>
    assert.equal(apiVersion, 'authorization.k8s.io/v1beta1')
    assert.deepEqual(sent, {
      resourceAttributes: { verb: 'list', version: 'v1', resource: 'pods' },
      user: 'ann',
      group: ['devs', 'system:authenticated'],
    })
  })

  it('is answered by one of its kind alone', () => {
    const answer = (more: object): string =>
      JSON.stringify({ kind: 'SubjectAccessReview', apiVersion: 'authorization.k8s.io/v1', ...more })
    assert.deepEqual(decodeReview('v1', answer({ status: { allowed: true } })), {
      allowed: true,
      denied: false,
      reason: '',
    })
    for (const wrong of [
      answer({ apiVersion: 'authorization.k8s.io/v1beta1' }),
      answer({ kind: 'Status' }),
      answer({ status: { allowed: 'yes' } }),
      'null',
      '<html>',
    ]) {
      assert.throws(() => decodeReview('v1', wrong), wrong)
    }
  })
})

describe('match conditions', () => {
  const matches = (expressions: string | readonly string[], line: string): boolean =>
    compileMatchConditions([expressions].flat())(reviewSpecOf(ask(line)))

  it('see every text of the request, empty ones too, and selectors', () => {
    const list = 'GET /api/v1/namespaces/a/pods?labelSelector=app%3Dweb'
    for (const [expression, line, expected] of [
      ['request.resourceAttributes.namespace == "a" && request.resourceAttributes.name == ""', list, true],
      ['has(request.resourceAttributes)', 'GET /metrics', false],
      ['request.nonResourceAttributes.path == "/metrics"', 'GET /metrics', true],
      ['"devs" in request.groups && request.extra == {} && request.uid == ""', list, true],
      [
        'request.resourceAttributes.labelSelector.requirements.exists(r, r.key == "app" && r.operator == "In" && "web" in r.values)',
        list,
        true,
      ],
      ['has(request.resourceAttributes.fieldSelector)', list, false],
    ] as const) {
      assert.equal(matches(expression, line), expected, expression)
    }
  })

  it('that fail count less than one that is false', () => {
    const failing = 'request.nonResourceAttributes.path == "/"'
    const line = 'GET /api/v1/pods'
    assert.throws(() => matches(['true', failing], line), /^Error: cel evaluation error: expression '.*' resulted in/)
    assert.equal(matches([failing, 'request.user == "bob"'], line), false)
  })
})

describe('authorizers in a row', () => {
  const of = (decision: Decision) => ({ authorize: () => decision })
  it('end at the first that knows, and else keep reasons and errors of all', async () => {
    const silent = of({ type: 'no-opinion', reason: 'first', error: new Error('one') })
    const other = of({ type: 'no-opinion', reason: 'second', error: new Error('two') })
    const attributes = ask('GET /api/v1/pods')
    const decision = await unionAuthorizer([silent, other]).authorize(attributes)
    assert.equal(decision.type, 'no-opinion')
    assert.equal(decision.reason, 'first\nsecond')
    assert.equal(decision.error?.message, '[one, two]')
    const denied = await unionAuthorizer([silent, of({ type: 'deny', reason: 'no' }), other]).authorize(attributes)
    assert.deepEqual(denied, { type: 'deny', reason: 'no' })
  })
})

describe('ABAC policies', () => {
  const line = (spec: object): string =>
    JSON.stringify({ apiVersion: 'abac.authorization.kubernetes.io/v1beta1', kind: 'Policy', spec })
  const decide = async (spec: object, request: string, user = ann): Promise<string> =>
    (await abacAuthorizer(parseAbacPolicies(line(spec), 'f')).authorize(ask(request, user))).type

  const pods = { namespace: 'a', resource: 'pods' }
  for (const [spec, request, expected] of [
    [{ user: 'ann', ...pods }, 'DELETE /api/v1/namespaces/a/pods/p', 'allow'],
    [{ user: 'ann', ...pods }, 'GET /api/v1/namespaces/b/pods', 'no-opinion'],
    [{ user: 'ann', ...pods }, 'GET /apis/x/v1/namespaces/a/pods', 'no-opinion'],
    [{ user: 'bob', ...pods }, 'GET /api/v1/namespaces/a/pods', 'no-opinion'],
    [{ user: 'ann', group: 'admins', ...pods }, 'GET /api/v1/namespaces/a/pods', 'no-opinion'],
    [{ group: 'devs', ...pods }, 'GET /api/v1/namespaces/a/pods', 'allow'],
    [{ ...pods }, 'GET /api/v1/namespaces/a/pods', 'no-opinion'],
    [{ group: 'devs', readonly: true, ...pods }, 'DELETE /api/v1/namespaces/a/pods/p', 'no-opinion'],
    [{ group: 'devs', readonly: true, ...pods }, 'GET /api/v1/namespaces/a/pods?watch=1', 'allow'],
    [
      { user: '*', namespace: '*', resource: '*', apiGroup: '*' },
      'PUT /apis/apps/v1/namespaces/a/deployments/d',
      'allow',
    ],
    [{ user: '*', namespace: '*', resource: '*', apiGroup: '*' }, 'GET /version', 'no-opinion'],
    [{ user: 'ann', nonResourcePath: '/healthz*' }, 'GET /healthz/etcd', 'allow'],
    [{ user: 'ann', nonResourcePath: '/healthz' }, 'GET /healthz/etcd', 'no-opinion'],
  ] as const) {
    it(`${JSON.stringify(spec)} ${expected === 'allow' ? 'allows' : 'does not allow'} ${request}`, async () => {
      assert.equal(await decide(spec, request), expected)
    })
  }

  it('with a star are for who is known', async () => {
    const nobody = { ...ann, groups: ['system:unauthenticated'] }
    assert.equal(await decide({ user: '*', ...pods }, 'GET /api/v1/namespaces/a/pods', nobody), 'no-opinion')
  })

  it('stand one a line, and a line that is none is named', () => {
    const text = `# the boss\n\n${line({ user: 'ann', readonly: true, ...pods })}\n`
    const policies = parseAbacPolicies(text, 'f')
    assert.deepEqual(abacRules(policies, ann, 'a'), [
      { verbs: ['get', 'list', 'watch'], apiGroups: [''], resources: ['pods'] },
    ])
    assert.deepEqual(abacRules(policies, ann, 'b'), [])
    assert.throws(
      () => parseAbacPolicies(`${text}{"user":"ann"}`, 'f'),
      /^Error: error reading policy file f, line 4: \{"user":"ann"\}: no kind "" is registered for version ""$/,
    )
  })
})
