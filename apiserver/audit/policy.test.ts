import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { UserInfo } from '../authentication/user.ts'
import { parseRequestInfo } from '../server/request-info.ts'
import { createPolicyEvaluator } from './policy.ts'
import { parsePolicy } from './policy-file.ts'

const user = (name: string, ...groups: string[]): UserInfo => ({ name, uid: '', groups, extra: {} })

const info = (method: string, url: string) => {
  const { pathname, searchParams } = new URL(url, 'https://server')
  return parseRequestInfo(method, pathname, searchParams)
}

const policyOf = (...rules: readonly object[]) =>
  parsePolicy(JSON.stringify({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules })).policy

describe('audit policy', () => {
  const pod = '/api/v1/namespaces/default/pods/web'
  const cases: readonly (readonly [rule: object, method: string, url: string, matches: boolean, who?: UserInfo])[] = [
    [{ users: ['ann'] }, 'GET', pod, true],
    [{ users: ['bob'] }, 'GET', pod, false],
    [{ userGroups: ['devs', 'ops'] }, 'GET', pod, true],
    [{ userGroups: ['ops'] }, 'GET', pod, false],
    [{ verbs: ['get'] }, 'GET', pod, true],
    [{ verbs: ['list'] }, 'GET', pod, false],
    [{ namespaces: ['default'] }, 'GET', pod, true],
    [{ namespaces: ['other'] }, 'GET', pod, false],
    [{ namespaces: [''] }, 'GET', '/api/v1/nodes', true],
    [{ namespaces: [''] }, 'GET', '/healthz', false],
    [{ resources: [{ group: '' }] }, 'GET', pod, true],
    [{ resources: [{ group: '*' }] }, 'GET', '/apis/apps/v1/deployments', true],
    [{ resources: [{ group: 'apps' }] }, 'GET', pod, false],
    [{ resources: [{ group: '', resources: ['pods'] }] }, 'GET', pod, true],
    [{ resources: [{ group: '', resources: ['pods'] }] }, 'GET', `${pod}/log`, false],
    [{ resources: [{ group: '', resources: ['pods/log'] }] }, 'GET', `${pod}/log`, true],
    [{ resources: [{ group: '', resources: ['pods/*'] }] }, 'GET', `${pod}/log`, true],
    [{ resources: [{ group: '', resources: ['pods/*'] }] }, 'GET', pod, true],
    [{ resources: [{ group: '', resources: ['*/log'] }] }, 'GET', `${pod}/log`, true],
    [{ resources: [{ group: '', resources: ['*/status'] }] }, 'GET', `${pod}/log`, false],
    [{ resources: [{ group: '', resources: ['*'] }] }, 'GET', `${pod}/log`, true],
    [{ resources: [{ group: '', resources: ['pods'], resourceNames: ['web'] }] }, 'GET', pod, true],
    [{ resources: [{ group: '', resources: ['pods'], resourceNames: ['db'] }] }, 'GET', pod, false],
    [{ nonResourceURLs: ['/healthz*'] }, 'GET', '/healthz/etcd', true],
    [{ nonResourceURLs: ['/healthz'] }, 'GET', '/healthz/etcd', false],
    [{ nonResourceURLs: ['*'] }, 'GET', '/version', true],
    [{ nonResourceURLs: ['*'] }, 'GET', pod, false],
    [{}, 'GET', '/version', true],
    [{ users: ['ann'], verbs: ['list'] }, 'GET', pod, false],
  ]
  for (const [rule, method, url, matches, who = user('ann', 'devs', 'system:authenticated')] of cases) {
    it(`${JSON.stringify(rule)} ${matches ? 'is for' : 'is not for'} ${method} ${url}`, () => {
      const evaluate = createPolicyEvaluator(policyOf({ level: 'Request', ...rule }))
      assert.equal(evaluate(who, info(method, url)).level, matches ? 'Request' : 'None')
    })
  }

  it('takes the first rule that matches', () => {
    const evaluate = createPolicyEvaluator(policyOf({ level: 'None', verbs: ['get'] }, { level: 'Metadata' }))
    assert.equal(evaluate(user('ann'), info('GET', pod)).level, 'None')
    assert.equal(evaluate(user('ann'), info('DELETE', pod)).level, 'Metadata')
  })

  it('matches no rule for users when nobody could be made out', () => {
    const evaluate = createPolicyEvaluator(
      policyOf({ level: 'Request', userGroups: ['system:unauthenticated'] }, { level: 'Metadata' }),
    )
    assert.equal(evaluate(undefined, info('GET', pod)).level, 'Metadata')
  })

  it('omits the stages of the policy and those of the rule, and lets the rule decide on managed fields', () => {
    const { policy } = parsePolicy(`
      apiVersion: audit.k8s.io/v1
      kind: Policy
      omitStages: [RequestReceived]
      omitManagedFields: true
      rules:
      - {level: Request, verbs: [get], omitStages: [Panic], omitManagedFields: false}
      - {level: Request}`)
    const evaluate = createPolicyEvaluator(policy)
    const first = evaluate(user('ann'), info('GET', pod))
    assert.deepEqual([...first.omitStages].toSorted(), ['Panic', 'RequestReceived'])
    assert.equal(first.omitManagedFields, false)
    assert.equal(evaluate(user('ann'), info('DELETE', pod)).omitManagedFields, true)
  })
})

describe('audit policy file', () => {
  const head = 'apiVersion: audit.k8s.io/v1\nkind: Policy\n'
  const refused: readonly (readonly [text: string, message: RegExp])[] = [
    ['rules: []', /Object 'Kind' is missing/],
    ['apiVersion: audit.k8s.io/v1beta1\nkind: Policy\nrules: [{level: None}]', /no kind "Policy" is registered/],
    [`${head}rules: []`, /^loaded illegal policy with 0 rules$/],
    [`${head}rules: [{}]`, /^rules\[0\]\.level: Required value$/],
    [
      `${head}rules: [{level: All}]`,
      /rules\[0\]\.level: Unsupported value: "All": supported values: "None", "Metadata", "Request", "RequestResponse"/,
    ],
    [
      `${head}omitStages: [Begin]\nrules: [{level: None}]`,
      /omitStages\[0\]: Invalid value: "Begin": allowed stages are/,
    ],
    [`${head}rules: [{level: None, nonResourceURLs: [healthz]}]`, /must begin with a '\/' character/],
    [`${head}rules: [{level: None, nonResourceURLs: ['/a*b']}]`, /must be the final character of the rule/],
    [
      `${head}rules: [{level: None, nonResourceURLs: [/a], namespaces: [b]}]`,
      /rules cannot apply to both regular resources and non-resource URLs/,
    ],
    [`${head}rules: [{level: None, resources: [{group: A_B}]}]`, /rules\[0\]\.resources\.group: Invalid value: "A_B"/],
    [`${head}rules: [{level: None, resources: [{resourceNames: [a]}]}]`, /using resourceNames requires at least one/],
    [`${head}rules: {}`, /cannot unmarshal object into field rules of type list/],
    [`${head}rules: [{level: 1}]`, /cannot unmarshal number/],
  ]
  for (const [text, message] of refused) {
    it(`refuses ${JSON.stringify(text.replace(head, ''))}`, () => {
      assert.throws(() => parsePolicy(text), { message })
    })
  }

  it('passes over unknown fields and tells them', () => {
    const { policy, problems } = parsePolicy(`${head}rules: [{level: None, colour: red}]`)
    assert.equal(policy.rules.length, 1)
    assert.deepEqual(problems, ['unknown field "rules[0].colour"'])
  })
})
