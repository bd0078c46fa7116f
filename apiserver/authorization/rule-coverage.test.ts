/** RBAC rules against a naive model: a rule is the set of requests that it allows, of a small world. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { UserInfo } from '../authentication/user.ts'
import { type Attributes, resourceAttributes } from './authorizer.ts'
import { type PolicyRule, ruleAllows } from './rbac-rules.ts'
import { compactRule, compactRules, uncoveredRules } from './rule-coverage.ts'

const ann: UserInfo = { name: 'ann', uid: '', groups: [], extra: {} }

/** `other` stands in no rule: only a star reaches it, so a star is more than all names that there are. */
const world = {
  verbs: ['get', 'delete', 'other'],
  groups: ['', 'apps', 'other'],
  resources: ['pods', 'pods/log', 'secrets', 'secrets/log', 'other', 'other/log', 'other/other'],
  names: ['', 'a', 'b', 'other'],
  paths: ['/', '/healthz', '/healthz/etcd', '/metrics', '/hello', '/other'],
}

const attributesOf = (verb: string, group: string, both: string, name: string): Attributes => {
  const [resource = '', subresource = ''] = both.split('/')
  return resourceAttributes(ann, { verb, group, resource, subresource, name })
}

interface Request {
  readonly text: string
  readonly attributes: Attributes
}

const requests: readonly Request[] = [
  ...world.verbs.flatMap((verb) =>
    world.groups.flatMap((group) =>
      world.resources.flatMap((resource) =>
        world.names.map((name) => ({
          text: [verb, group, resource, name].join(' '),
          attributes: attributesOf(verb, group, resource, name),
        })),
      ),
    ),
  ),
  ...world.verbs.flatMap((verb) =>
    world.paths.map((path) => ({
      text: `${verb} ${path}`,
      attributes: { ...attributesOf(verb, '', '', ''), isResourceRequest: false, path },
    })),
  ),
]

const among = (patterns: readonly string[], all: readonly string[], fits: (one: string, pattern: string) => boolean) =>
  all.filter((one) => patterns.some((pattern) => pattern === '*' || pattern === one || fits(one, pattern)))
const never = (): boolean => false

/** The requests of the world that a rule allows, counted out. */
const expand = ({
  verbs,
  apiGroups = [],
  resources = [],
  resourceNames = [],
  nonResourceURLs = [],
}: PolicyRule): Set<string> => {
  const allowed = new Set<string>()
  for (const verb of among(verbs, world.verbs, never)) {
    for (const group of among(apiGroups, world.groups, never)) {
      for (const resource of among(
        resources,
        world.resources,
        (one, pattern) => pattern.startsWith('*/') && one.endsWith(pattern.slice(1)),
      )) {
        for (const name of resourceNames.length === 0 ? world.names : among(resourceNames, world.names, never)) {
          allowed.add([verb, group, resource, name].join(' '))
        }
      }
    }
    for (const path of among(
      nonResourceURLs,
      world.paths,
      (one, pattern) => pattern.endsWith('*') && one.startsWith(pattern.slice(0, -1)),
    )) {
      allowed.add(`${verb} ${path}`)
    }
  }
  return allowed
}

const some = (...of: readonly string[]) => fc.uniqueArray(fc.constantFrom(...of), { minLength: 1, maxLength: 2 })
const verbs = some('get', 'delete', '*')
const arbitraryRule: fc.Arbitrary<PolicyRule> = fc.oneof(
  fc.record({
    verbs,
    apiGroups: some('', 'apps', '*'),
    resources: some('pods', 'pods/log', 'secrets', '*/log', '*'),
  }),
  fc.record({
    verbs,
    apiGroups: some('', 'apps', '*'),
    resources: some('pods', 'pods/log', 'secrets', '*/log', '*'),
    resourceNames: some('a', 'b'),
  }),
  fc.record({ verbs, nonResourceURLs: some('/healthz', '/healthz/*', '/metrics', '/h*', '*') }),
)
const rules = fc.array(arbitraryRule, { maxLength: 4 })
const isSubset = (a: Set<string>, b: Set<string>): boolean => [...a].every((one) => b.has(one))
const union = (all: readonly PolicyRule[]): Set<string> => new Set(all.flatMap((rule) => [...expand(rule)]))

describe('an RBAC rule', () => {
  it('allows what it allows when it is counted out, and nothing else', () => {
    fc.assert(
      fc.property(arbitraryRule, (rule) => {
        const allowed = expand(rule)
        for (const { text, attributes } of requests) {
          assert.equal(ruleAllows(attributes, rule), allowed.has(text), text)
        }
      }),
    )
  })
})

describe('rules that cover others', () => {
  it('allow all that these allow: nobody gets more by them', () => {
    fc.assert(
      fc.property(rules, rules, (owned, wanted) => {
        const missing = uncoveredRules(owned, wanted)
        const held = new Set([...union(owned), ...union(missing)])
        assert.ok(isSubset(union(wanted), held))
      }),
      { numRuns: 500 },
    )
  })

  it('leave out only what none of them allows whole', () => {
    fc.assert(
      fc.property(rules, rules, (owned, wanted) => {
        for (const part of uncoveredRules(owned, wanted)) {
          const allowed = expand(part)
          assert.ok(!owned.some((rule) => isSubset(allowed, expand(rule))), compactRule(part))
        }
      }),
      { numRuns: 500 },
    )
  })

  it('cover themselves', () => {
    fc.assert(fc.property(rules, (owned) => assert.deepEqual(uncoveredRules(owned, owned), [])))
  })
})

describe('rules in a message', () => {
  it('mean the same when they are drawn together, and a resource stands there once', () => {
    fc.assert(
      fc.property(rules, (owned) => {
        const compact = compactRules(uncoveredRules([], owned))
        assert.deepEqual(union(compact), union(owned))
        const resources = compact.flatMap(({ verbs: _, nonResourceURLs, ...rest }) =>
          nonResourceURLs === undefined ? [JSON.stringify(rest)] : [],
        )
        assert.equal(new Set(resources).size, resources.length)
      }),
    )
  })

  it('are written as upstream writes them', () => {
    const wanted: PolicyRule[] = [
      { verbs: ['get', 'list'], apiGroups: [''], resources: ['secrets', 'pods'], resourceNames: ['a'] },
      { verbs: ['get'], nonResourceURLs: ['/metrics'] },
    ]
    assert.deepEqual(compactRules(uncoveredRules([], wanted)).map(compactRule), [
      '{NonResourceURLs:["/metrics"], Verbs:["get"]}',
      '{APIGroups:[""], Resources:["secrets"], ResourceNames:["a"], Verbs:["get" "list"]}',
      '{APIGroups:[""], Resources:["pods"], ResourceNames:["a"], Verbs:["get" "list"]}',
    ])
  })
})
