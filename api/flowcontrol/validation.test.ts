import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { FlowSchema, PriorityLevelConfiguration } from '../types.ts'
import {
  mandatoryFlowSchemas,
  mandatoryPriorityLevels,
  suggestedFlowSchemas,
  suggestedPriorityLevels,
} from './bootstrap.ts'
import { validateFlowSchema, validatePriorityLevel } from './validation.ts'

type SchemaSpec = NonNullable<FlowSchema['spec']>
type LevelSpec = NonNullable<PriorityLevelConfiguration['spec']>

const lines = (errors: ReturnType<typeof validateFlowSchema>): string[] =>
  errors.map(({ field, detail }) => `${field}: ${detail}`)

const rule = { verbs: ['get'], apiGroups: [''], resources: ['pods'], namespaces: ['*'] }
const aSchema = (rules: object, spec: Partial<SchemaSpec> = {}, name = 's'): FlowSchema => ({
  metadata: { name },
  spec: {
    priorityLevelConfiguration: { name: 'l' },
    matchingPrecedence: 50,
    rules: [{ subjects: [{ kind: 'User', user: { name: 'u' } }], resourceRules: [rule], ...rules }],
    ...spec,
  },
})
const withSubject = (subject: object): FlowSchema => aSchema({ subjects: [subject] })
const withRule = (changes: object): FlowSchema => aSchema({ resourceRules: [{ ...rule, ...changes }] })
const withUrls = (...nonResourceURLs: string[]): FlowSchema =>
  aSchema({ resourceRules: [], nonResourceRules: [{ verbs: ['get'], nonResourceURLs }] })

describe('a FlowSchema', () => {
  const at = 'spec.rules[0]'
  const cases: readonly (readonly [FlowSchema, ...string[]])[] = [
    [aSchema({})],
    ...[...mandatoryFlowSchemas, ...suggestedFlowSchemas].map((schema) => [schema] as const),
    [aSchema({}, { matchingPrecedence: 0 }), 'spec.matchingPrecedence: Invalid value: 0: must be a positive value'],
    [
      aSchema({}, { matchingPrecedence: 10_001 }),
      'spec.matchingPrecedence: Invalid value: 10001: must not be greater than 10000',
    ],
    [
      aSchema({}, { matchingPrecedence: 1 }),
      "spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1",
    ],
    [
      aSchema({}, { priorityLevelConfiguration: { name: '' } }),
      'spec.priorityLevelConfiguration.name: Required value: must reference a priority level',
    ],
    [
      aSchema({}, { distinguisherMethod: { type: 'ByMood' } }),
      'spec.distinguisherMethod.type: Unsupported value: {"Type":"ByMood"}: supported values: "ByNamespace", "ByUser"',
    ],
    [aSchema({ subjects: [] }), `${at}.subjects: Required value: subjects must contain at least one value`],
    [
      aSchema({ resourceRules: [] }),
      `${at}: Required value: at least one of resourceRules and nonResourceRules has to be non-empty`,
    ],
    [
      withSubject({ kind: 'Robot' }),
      `${at}.subjects[0].kind: Unsupported value: "Robot": supported values: "Group", "ServiceAccount", "User"`,
    ],
    [
      withSubject({ kind: 'User' }),
      `${at}.subjects[0].user: Required value: user is required when subject kind is 'User'`,
    ],
    [withSubject({ kind: 'Group', group: { name: '' } }), `${at}.subjects[0].group.name: Required value`],
    [
      withSubject({ kind: 'User', user: { name: 'u' }, group: { name: 'g' } }),
      `${at}.subjects[0].group: Forbidden: group is forbidden when subject kind is not 'Group'`,
    ],
    [withSubject({ kind: 'ServiceAccount', serviceAccount: { namespace: 'n', name: '*' } })],
    [
      withSubject({ kind: 'ServiceAccount', serviceAccount: { namespace: '', name: 'x' } }),
      `${at}.subjects[0].serviceAccount.namespace: Required value: must specify namespace for service account`,
    ],
    [withRule({ verbs: [] }), `${at}.resourceRules[0].verbs: Required value: verbs must contain at least one value`],
    [
      withRule({ verbs: ['*', 'get'] }),
      `${at}.resourceRules[0].verbs: Invalid value: ["*","get"]: if '*' is present, must not specify other verbs`,
    ],
    [
      withRule({ verbs: ['fly'] }),
      `${at}.resourceRules[0].verbs: Unsupported value: ["fly"]: supported values: "create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"`,
    ],
    [
      withRule({ apiGroups: [] }),
      `${at}.resourceRules[0].apiGroups: Required value: resource rules must supply at least one api group`,
    ],
    [
      withRule({ resources: ['*', 'pods'] }),
      `${at}.resourceRules[0].resources: Invalid value: ["*","pods"]: if '*' is present, must not specify other resources`,
    ],
    [
      withRule({ namespaces: [] }),
      `${at}.resourceRules[0].namespaces: Required value: resource rules that are not cluster scoped must supply at least one namespace`,
    ],
    [withRule({ namespaces: [], clusterScope: true })],
    [
      withRule({ namespaces: ['*', 'n'] }),
      `${at}.resourceRules[0].namespaces: Invalid value: ["*","n"]: if '*' is present, must not specify other namespaces`,
    ],
    [withUrls('/', '/healthz', '/a/*')],
    [
      withUrls('healthz'),
      `${at}.nonResourceRules[0].nonResourceURLs[0]: Invalid value: "healthz": must start with slash`,
    ],
    [
      withUrls('/a*b'),
      `${at}.nonResourceRules[0].nonResourceURLs[0]: Invalid value: "/a*b": wildcard can only do suffix matching`,
    ],
  ]
  for (const [schema, ...expected] of cases) {
    it(expected[0] ?? `${JSON.stringify(schema).slice(0, 90)} is valid`, () => {
      assert.deepEqual(lines(validateFlowSchema(schema)), expected)
    })
  }

  it('that is mandatory has the spec that it has', () => {
    const [last] = lines(validateFlowSchema(aSchema({}, {}, 'catch-all'))).slice(-1)
    assert.match(
      last ?? '',
      /^spec: Invalid value: \{"PriorityLevelConfiguration":\{"Name":"l"\},.*: spec of 'catch-all' must equal the fixed value$/,
    )
  })
})

const aLevel = (limited: object, name = 'l'): PriorityLevelConfiguration => ({
  metadata: { name },
  spec: { type: 'Limited', limited: { nominalConcurrencyShares: 1, limitResponse: { type: 'Reject' }, ...limited } },
})
const withQueuing = (queuing: object): PriorityLevelConfiguration =>
  aLevel({ limitResponse: { type: 'Queue', queuing: { queues: 64, handSize: 8, queueLengthLimit: 50, ...queuing } } })
const withSpec = (spec: LevelSpec, name = 'l'): PriorityLevelConfiguration => ({ metadata: { name }, spec })

describe('a PriorityLevelConfiguration', () => {
  const queuing = 'spec.limited.limitResponse.queuing'
  const cases: readonly (readonly [PriorityLevelConfiguration, ...string[]])[] = [
    ...[...mandatoryPriorityLevels, ...suggestedPriorityLevels].map((level) => [level] as const),
    [withQueuing({})],
    [withSpec({ type: 'Exempt', exempt: { nominalConcurrencyShares: 10, lendablePercent: 10 } }, 'exempt')],
    [
      withSpec({ type: 'Exempt' }),
      "spec.type: Invalid value: \"Exempt\": type must be 'Exempt' if and only if name is 'exempt'",
    ],
    [
      withSpec({ type: 'Exempt', exempt: { nominalConcurrencyShares: -1, lendablePercent: 101 } }, 'exempt'),
      'spec.exempt.nominalConcurrencyShares: Invalid value: -1: must be a non-negative integer',
      'spec.exempt.lendablePercent: Invalid value: 101: must be between 0 and 100, inclusive',
    ],
    [withSpec({ type: 'Limited' }), 'spec.limited: Required value: must not be empty when type is Limited'],
    [
      withSpec({ type: 'Limited', exempt: {} }),
      'spec.exempt: Forbidden: must be nil if the type is Limited',
      'spec.limited: Required value: must not be empty when type is Limited',
    ],
    [withSpec({ type: 'Best' }), 'spec.type: Unsupported value: "Best": supported values: "Exempt", "Limited"'],
    [
      aLevel({ nominalConcurrencyShares: -1 }),
      'spec.limited.nominalConcurrencyShares: Invalid value: -1: must be a non-negative integer',
    ],
    [
      aLevel({ borrowingLimitPercent: -1 }),
      'spec.limited.borrowingLimitPercent: Invalid value: -1: if specified, must be a non-negative integer',
    ],
    [
      aLevel({ limitResponse: { type: 'Reject', queuing: {} } }),
      `${queuing}: Forbidden: must be nil if limited.limitResponse.type is not Limited`,
    ],
    [
      aLevel({ limitResponse: { type: 'Queue' } }),
      `${queuing}: Required value: must not be empty if limited.limitResponse.type is Limited`,
    ],
    [
      withQueuing({ queues: 512, handSize: 8 }),
      `${queuing}.handSize: Invalid value: 8: required entropy bits of deckSize 512 and handSize 8 should not be greater than 60`,
    ],
    [withQueuing({ queues: 10_000_000, handSize: 2 })],
    [
      withQueuing({ queues: 4, handSize: 5 }),
      `${queuing}.handSize: Invalid value: 5: should not be greater than queues (4)`,
    ],
    [withQueuing({ queueLengthLimit: -1 }), `${queuing}.queueLengthLimit: Invalid value: -1: must be positive`],
  ]
  for (const [level, ...expected] of cases) {
    it(expected[0] ?? `${JSON.stringify(level).slice(0, 90)} is valid`, () => {
      assert.deepEqual(lines(validatePriorityLevel(level)), expected)
    })
  }

  it('that is mandatory has the spec that it has, but for what is exempt', () => {
    assert.match(
      lines(validatePriorityLevel(aLevel({}, 'catch-all'))).at(-1) ?? '',
      /: spec of 'catch-all' must equal the fixed value$/,
    )
    const repurposed = lines(validatePriorityLevel(aLevel({}, 'exempt')))
    assert.match(repurposed[0] ?? '', /type must be 'Exempt' if and only if name is 'exempt'$/)
    assert.match(
      repurposed.at(-1) ?? '',
      /: spec of 'exempt' except the 'spec.exempt' field must equal the fixed value$/,
    )
  })
})
