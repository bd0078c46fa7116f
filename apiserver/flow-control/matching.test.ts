import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { FlowSchema } from '../../api/types.ts'
import type { RequestInfo } from '../server/request-info.ts'
import { inMatchingOrder, matchesRules, type Rules, rulesFor } from './matching.ts'
import { anInfo } from './simulation.ts'

const everything = {
  resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*'] }],
}
const aSchema = (subjects: Rules['subjects'], rules: Partial<Rules> = everything): FlowSchema => ({
  metadata: { name: 's' },
  spec: { priorityLevelConfiguration: { name: 'l' }, rules: [{ subjects, ...rules }] },
})
const aUser = (name: string, ...groups: string[]) => ({ name, uid: '', groups, extra: {} })

describe('subjects of a FlowSchema', () => {
  const account = (namespace: string, name: string) => ({ kind: 'ServiceAccount', serviceAccount: { namespace, name } })
  const cases = [
    [{ kind: 'User', user: { name: 'a' } }, aUser('a'), true],
    [{ kind: 'User', user: { name: 'a' } }, aUser('b', 'a'), false],
    [{ kind: 'User', user: { name: '*' } }, aUser('b'), true],
    [{ kind: 'Group', group: { name: 'g' } }, aUser('a', 'f', 'g'), true],
    [{ kind: 'Group', group: { name: 'g' } }, aUser('g'), false],
    [{ kind: 'Group', group: { name: '*' } }, aUser('g'), true],
    [account('n', 'x'), aUser('system:serviceaccount:n:x'), true],
    [account('n', 'x'), aUser('system:serviceaccount:n:y'), false],
    [account('n', '*'), aUser('system:serviceaccount:n:y'), true],
    [account('n', '*'), aUser('system:serviceaccount:nn:y'), false],
    [account('n', '*'), aUser('n:y'), false],
    [{ kind: 'User' }, aUser('a'), false],
    [{ kind: 'Other', user: { name: '*' } }, aUser('a'), false],
  ] as const
  for (const [subject, user, expected] of cases) {
    it(`${JSON.stringify(subject)} ${expected ? 'is' : 'is not'} ${user.name}`, () => {
      assert.equal(rulesFor(aSchema([subject]), user).length === 1, expected)
    })
  }
})

describe('rules of a FlowSchema', () => {
  const resource = (rule: object): Partial<Rules> => ({
    resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], ...rule }],
  })
  const url = (...nonResourceURLs: string[]): Partial<Rules> => ({
    nonResourceRules: [{ verbs: ['get'], nonResourceURLs }],
  })
  const path = (text: string): Partial<RequestInfo> => ({ isResourceRequest: false, path: text, verb: 'get' })
  const cases: readonly (readonly [Partial<Rules>, Partial<RequestInfo>, boolean])[] = [
    [resource({ namespaces: ['*'] }), {}, true],
    [resource({ namespaces: ['other', 'default'] }), {}, true],
    [resource({ namespaces: ['other'] }), {}, false],
    [resource({ namespaces: ['*'] }), { namespace: '' }, false],
    [resource({ clusterScope: true }), { namespace: '' }, true],
    [resource({ clusterScope: true }), {}, false],
    [resource({ namespaces: ['*'], verbs: ['list', 'get'] }), {}, true],
    [resource({ namespaces: ['*'], verbs: ['list'] }), {}, false],
    [resource({ namespaces: ['*'], apiGroups: ['apps'] }), {}, false],
    [resource({ namespaces: ['*'], resources: ['pods'] }), {}, true],
    [resource({ namespaces: ['*'], resources: ['pods'] }), { subresource: 'status' }, false],
    [resource({ namespaces: ['*'], resources: ['pods/status'] }), { subresource: 'status' }, true],
    [resource({ namespaces: ['*'] }), path('/healthz'), false],
    [url('/healthz'), path('/healthz'), true],
    [url('/healthz'), path('/healthz/etcd'), true],
    [url('/healthz'), path('/healthzz'), false],
    [url('/a/*'), path('/a/b'), true],
    [url('/a/*'), path('/a'), false],
    [url('/'), path('/anything'), true],
    [url('*'), path('/anything'), true],
    [url('*'), { ...path('/anything'), verb: 'post' }, false],
    [url('*'), {}, false],
  ]
  for (const [rules, info, expected] of cases) {
    it(`${JSON.stringify(rules)} ${expected ? 'has' : 'does not have'} ${JSON.stringify(info)}`, () => {
      const found = rulesFor(aSchema([{ kind: 'User', user: { name: '*' } }], rules), aUser('a'))
      assert.equal(matchesRules(found, anInfo(info)), expected)
    })
  }
})

it('FlowSchemas are asked by precedence, then by name', () => {
  const named = (name: string, matchingPrecedence: number): FlowSchema => ({
    metadata: { name },
    spec: { matchingPrecedence, priorityLevelConfiguration: { name: 'l' } },
  })
  const sorted = inMatchingOrder([named('c', 5), named('b', 7), named('a', 7), named('d', 1)])
  assert.deepEqual(
    sorted.map(({ metadata }) => metadata?.name),
    ['d', 'c', 'a', 'b'],
  )
})
