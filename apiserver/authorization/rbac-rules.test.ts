import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Attributes } from './authorizer.ts'
import { forbiddenRequest } from './forbidden.ts'
import { resourceAttributes } from './authorizer.ts'
import { ruleAllows } from './rbac-rules.ts'
import { compactRule, uncoveredRules } from './rule-coverage.ts'

const bob = { name: 'bob', uid: '', groups: [], extra: {} }
const ask = (verb: string, resource: string, more: Partial<Attributes> = {}): Attributes => ({
  ...resourceAttributes(bob, { verb, group: '', resource }),
  ...more,
})

describe('an RBAC rule', () => {
  const rule = { verbs: ['get', 'list'], apiGroups: [''], resources: ['pods', '*/scale'] }

  it('allows its verbs on its resources', () => {
    assert.ok(ruleAllows(ask('get', 'pods'), rule))
    assert.ok(!ruleAllows(ask('delete', 'pods'), rule))
    assert.ok(!ruleAllows(ask('get', 'pods', { group: 'apps' }), rule))
  })

  it('does not reach subresources, unless it names them', () => {
    assert.ok(!ruleAllows(ask('get', 'pods', { subresource: 'log' }), rule))
    assert.ok(ruleAllows(ask('get', 'replicationcontrollers', { subresource: 'scale' }), rule))
  })

  it('is bound to names where it has some', () => {
    const named = { ...rule, resourceNames: ['a'] }
    assert.ok(ruleAllows(ask('get', 'pods', { name: 'a' }), named))
    assert.ok(!ruleAllows(ask('list', 'pods'), named))
  })

  it('matches paths by prefix', () => {
    const paths = { verbs: ['get'], nonResourceURLs: ['/healthz', '/apis/*'] }
    const path = (text: string) => ask('get', '', { isResourceRequest: false, path: text })
    assert.ok(ruleAllows(path('/apis/apps/v1'), paths))
    assert.ok(!ruleAllows(path('/healthz/etcd'), paths))
  })
})

describe('rules of two users', () => {
  const owned = [
    { verbs: ['get', 'list'], apiGroups: ['', 'apps'], resources: ['pods', 'deployments'] },
    { verbs: ['*'], apiGroups: ['batch'], resources: ['*'] },
  ]

  it('cover what they grant in parts', () => {
    const wanted = [
      { verbs: ['get'], apiGroups: ['apps'], resources: ['deployments', 'pods'] },
      { verbs: ['create'], apiGroups: ['batch'], resources: ['jobs'] },
    ]
    assert.deepEqual(uncoveredRules(owned, wanted), [])
  })

  it('do not cover more verbs, wildcards or other names', () => {
    const missing = uncoveredRules(owned, [
      { verbs: ['get', 'delete'], apiGroups: [''], resources: ['pods'] },
      { verbs: ['get'], apiGroups: [''], resources: ['*'] },
    ])
    assert.deepEqual(missing.map(compactRule), [
      '{APIGroups:[""], Resources:["pods"], Verbs:["delete"]}',
      '{APIGroups:[""], Resources:["*"], Verbs:["get"]}',
    ])
  })
})

describe('a refusal', () => {
  it('speaks as upstream', () => {
    const inNamespace = ask('list', 'pods', { namespace: 'default' })
    assert.equal(
      forbiddenRequest(inNamespace, '').message,
      'pods is forbidden: User "bob" cannot list resource "pods" in API group "" in the namespace "default"',
    )
    const named = ask('get', 'deployments', { group: 'apps', name: 'web', subresource: 'scale' })
    assert.equal(
      forbiddenRequest(named, 'because').message,
      'deployments.apps "web" is forbidden: User "bob" cannot get resource "deployments/scale" in API group "apps" at the cluster scope: because',
    )
    const path = ask('get', '', { isResourceRequest: false, path: '/metrics' })
    assert.equal(forbiddenRequest(path, '').message, 'forbidden: User "bob" cannot get path "/metrics"')
  })
})
