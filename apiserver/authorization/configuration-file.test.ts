import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { dump } from 'js-yaml'
import { parseAuthorizationConfiguration } from './configuration-file.ts'

const directory = mkdtempSync(join(tmpdir(), 'kubets-authorization-'))
const kubeConfigFile = join(directory, 'webhook.conf')
writeFileSync(kubeConfigFile, '')
after(() => rmSync(directory, { recursive: true }))

const webhook = {
  timeout: '3s',
  subjectAccessReviewVersion: 'v1',
  failurePolicy: 'Deny',
  connectionInfo: { type: 'KubeConfigFile', kubeConfigFile },
}
const hook = (more: object = {}, name = 'hook'): object => ({ type: 'Webhook', name, webhook: { ...webhook, ...more } })
const conditions = (...expressions: readonly string[]): object => ({
  matchConditionSubjectAccessReviewVersion: 'v1',
  matchConditions: expressions.map((expression) => ({ expression })),
})
const file = (...authorizers: readonly object[]): string =>
  dump({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthorizationConfiguration', authorizers })
const rbac = { type: 'RBAC', name: 'rbac' }

describe('an AuthorizationConfiguration', () => {
  it('is a list of authorizers in order, with defaults', () => {
    const parsed = parseAuthorizationConfiguration(file({ type: 'Node', name: 'node' }, hook(), rbac))
    assert.deepEqual(parsed, [
      { type: 'Node', name: 'node' },
      {
        type: 'Webhook',
        name: 'hook',
        webhook: {
          timeoutMs: 3000,
          authorizedTtlMs: 300_000,
          unauthorizedTtlMs: 30_000,
          version: 'v1',
          matchConditions: [],
          failurePolicy: 'Deny',
          connection: { type: 'KubeConfigFile', path: kubeConfigFile },
        },
      },
      { type: 'RBAC', name: 'rbac' },
    ])
  })

  it('may forbid that answers are remembered', () => {
    const [parsed] = parseAuthorizationConfiguration(
      file(hook({ cacheAuthorizedRequests: false, cacheUnauthorizedRequests: false, authorizedTTL: '1m' })),
    )
    assert.ok(parsed?.type === 'Webhook')
    assert.equal(parsed.webhook.authorizedTtlMs, 0)
    assert.equal(parsed.webhook.unauthorizedTtlMs, 0)
  })

  const path = 'authorizers[0]'
  const cases: Readonly<Record<string, readonly [text: string, message: string]>> = {
    'no authorizers': [file(), 'authorizers: Required value: at least one authorization mode must be defined'],
    'an unknown kind': [
      dump({ apiVersion: 'apiserver.config.k8s.io/v2', kind: 'AuthorizationConfiguration' }),
      'failed to load AuthorizationConfiguration from file: no kind "AuthorizationConfiguration" is registered for version "apiserver.config.k8s.io/v2"',
    ],
    'an unknown field': [
      file({ ...rbac, colour: 'red' }),
      'failed to load AuthorizationConfiguration from file: strict decoding error: unknown field "authorizers[0].colour"',
    ],
    'no type': [file({ name: 'x' }), `${path}.type: Required value`],
    'an unknown type': [
      file({ type: 'Magic', name: 'x' }),
      `${path}.type: Unsupported value: "Magic": supported values: "ABAC", "AlwaysAllow", "AlwaysDeny", "Node", "RBAC", "Webhook"`,
    ],
    'a type twice': [file(rbac, { ...rbac, name: 'b' }), 'authorizers[1].type: Duplicate value: "RBAC"'],
    'no name': [file({ type: 'RBAC' }), `${path}.name: Required value`],
    'a name twice': [file(hook(), hook()), 'authorizers[1].name: Duplicate value: "hook"'],
    'a name of its own for what has one': [
      file({ type: 'RBAC', name: 'mine' }),
      'expected name rbac for authorizer RBAC instead of mine',
    ],
    'a webhook without its part': [
      file({ type: 'Webhook', name: 'x' }),
      `${path}.webhook: Required value: required when type=Webhook`,
    ],
    'a webhook’s part elsewhere': [
      file({ ...rbac, webhook }),
      `${path}.webhook: Invalid value: "non-null": may only be specified when type=Webhook`,
    ],
    'no timeout': [file(hook({ timeout: '0s' })), `${path}.timeout: Required value`],
    'a long timeout': [
      file(hook({ timeout: '31s' })),
      `${path}.timeout: Invalid value: "31s": must be > 0s and <= 30s`,
    ],
    'a negative time to live': [
      file(hook({ unauthorizedTTL: '-1s' })),
      `${path}.unauthorizedTTL: Invalid value: "-1s": must be > 0s`,
    ],
    'an unknown version': [
      file(hook({ subjectAccessReviewVersion: 'v2' })),
      `${path}.subjectAccessReviewVersion: Unsupported value: "v2": supported values: "v1", "v1beta1"`,
    ],
    'an unknown failure policy': [
      file(hook({ failurePolicy: 'Ignore' })),
      `${path}.failurePolicy: Unsupported value: "Ignore": supported values: "NoOpinion", "Deny"`,
    ],
    'a relative path': [
      file(hook({ connectionInfo: { type: 'KubeConfigFile', kubeConfigFile: 'hook.conf' } })),
      `${path}.connectionInfo.kubeConfigFile: Invalid value: "hook.conf": must be an absolute path`,
    ],
    'a directory': [
      file(hook({ connectionInfo: { type: 'KubeConfigFile', kubeConfigFile: directory } })),
      `${path}.connectionInfo.kubeConfigFile: Invalid value: "${directory}": must be a regular file`,
    ],
    'a file where there is none to be': [
      file(hook({ connectionInfo: { type: 'InClusterConfig', kubeConfigFile } })),
      `${path}.connectionInfo.kubeConfigFile: Invalid value: "${kubeConfigFile}": can only be set when type=KubeConfigFile`,
    ],
    'conditions without a version': [
      file(hook({ matchConditions: [{ expression: 'true' }] })),
      `${path}.matchConditionSubjectAccessReviewVersion: Required value: required if match conditions are specified`,
    ],
    'too many conditions': [
      file(hook(conditions(...Array.from({ length: 65 }, (_, i) => `${i} > 0`)))),
      `${path}.matchConditions: Too many: 65: must have at most 64 items`,
    ],
    'a condition twice': [
      file(hook(conditions('true', 'true'))),
      `${path}.matchConditions[1].expression: Duplicate value: "true"`,
    ],
    'a condition that is none': [
      file(hook(conditions('request.user'))),
      `${path}.matchConditions[0].expression: Invalid value: "request.user": must evaluate to bool`,
    ],
  }
  for (const [name, [text, message]] of Object.entries(cases)) {
    it(`with ${name} is refused`, () => {
      assert.throws(() => parseAuthorizationConfiguration(text), { message })
    })
  }

  it('tells all that is wrong at once, and names what a condition cannot have', () => {
    const text = file(hook({ timeout: '', ...conditions('request.colour == "red"') }))
    assert.throws(() => parseAuthorizationConfiguration(text), /^Error: time: invalid duration ""$/)
    assert.throws(
      () => parseAuthorizationConfiguration(file(hook({ failurePolicy: '', ...conditions('request.colour == "r"') }))),
      (error: Error) =>
        error.message.startsWith('[authorizers[0].failurePolicy: Required value, ') &&
        error.message.includes("compilation failed: ERROR: <input>:1:8: undefined field 'colour'"),
    )
  })

  it('must keep what the server has started with', () => {
    assert.throws(() => parseAuthorizationConfiguration(file(hook()), ['RBAC', 'Node', 'Webhook']), {
      message: 'missing required types: [Node RBAC]',
    })
  })
})
