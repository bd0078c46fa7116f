import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { LocalSubjectAccessReview, SubjectAccessReview } from '../types.ts'
import {
  validateLocalSubjectAccessReview,
  validateSelfSubjectAccessReview,
  validateSubjectAccessReview,
} from './validation.ts'

type Spec = SubjectAccessReview['spec']
const get = { verb: 'get', resource: 'pods' }
const texts = (errors: readonly { readonly field: string; readonly detail: string }[]): string[] =>
  errors.map(({ field, detail }) => `${field}: ${detail}`)

describe('a SubjectAccessReview', () => {
  const selecting = (more: object): Spec => ({ user: 'me', resourceAttributes: { ...get, ...more } })
  const selector = 'spec.resourceAttributes.fieldSelector'
  const table: [string, Spec, string[]][] = [
    ['of a user', { user: 'me', resourceAttributes: get }, []],
    ['of a group and a path', { groups: ['us'], nonResourceAttributes: { path: '/healthz', verb: 'get' } }, []],
    [
      'of nobody about nothing',
      {},
      [
        'spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified',
        'spec.user: Invalid value: "": at least one of user or group must be specified',
      ],
    ],
    [
      'about both',
      { user: 'me', resourceAttributes: get, nonResourceAttributes: { path: '/', verb: 'get' } },
      [
        'spec.nonResourceAttributes: Invalid value: {"path":"/","verb":"get"}: cannot be specified in combination with resourceAttributes',
      ],
    ],
    ['with a raw selector', selecting({ fieldSelector: { rawSelector: 'a=b' } }), []],
    [
      'with a selector that says nothing',
      selecting({ fieldSelector: {} }),
      [
        `${selector}.requirements: Required value: when ${selector} is specified, requirements or rawSelector is required`,
      ],
    ],
    [
      'with a selector twice',
      selecting({ fieldSelector: { rawSelector: 'a', requirements: [{ key: 'a', operator: 'Exists' }] } }),
      [`${selector}.rawSelector: Invalid value: "a": may not specified at the same time as requirements`],
    ],
    [
      'with an operator of the future',
      selecting({ fieldSelector: { requirements: [{ key: 'a', operator: 'Like' }] } }),
      [],
    ],
    [
      'with requirements that are none',
      selecting({
        fieldSelector: {
          requirements: [
            { key: '', operator: 'In' },
            { key: 'a', operator: 'Exists', values: ['b'] },
          ],
        },
      }),
      [
        `${selector}.requirements[0].key: Required value: must be specified`,
        `${selector}.requirements[0].values: Required value: must be specified when \`operator\` is 'In' or 'NotIn'`,
        `${selector}.requirements[1].values: Forbidden: may not be specified when \`operator\` is 'Exists' or 'DoesNotExist'`,
      ],
    ],
  ]
  for (const [name, spec, errors] of table) {
    it(name, () => assert.deepEqual(texts(validateSubjectAccessReview({ spec })), errors))
  }

  it('with labels that are none', () => {
    const labelSelector = { requirements: [{ key: '-', operator: 'In', values: ['b', 'c d'] }] }
    const errors = texts(validateSubjectAccessReview({ spec: selecting({ labelSelector }) }))
    const at = 'spec.resourceAttributes.labelSelector.requirements[0]'
    assert.deepEqual(
      errors.map((text) => text.split(': ')[0]),
      [`${at}.key`, `${at}.values[1]`],
    )
  })

  it('with a name', () => {
    const spec = { user: 'me', resourceAttributes: get }
    assert.deepEqual(texts(validateSubjectAccessReview({ metadata: { name: 'n' }, spec })), [
      'metadata: Invalid value: {"name":"n"}: must be empty',
    ])
    assert.deepEqual(validateSubjectAccessReview({ metadata: { name: '', labels: {}, managedFields: [{}] }, spec }), [])
    assert.deepEqual(texts(validateSelfSubjectAccessReview({ metadata: { generation: 1 }, spec })), [
      'metadata: Invalid value: {"generation":1}: must be empty',
    ])
  })
})

describe('a LocalSubjectAccessReview', () => {
  const review = (spec: object, metadata: object = {}): LocalSubjectAccessReview => ({
    metadata: { namespace: 'ns', ...metadata },
    spec: { user: 'me', ...spec },
  })
  it('is about its namespace', () => {
    assert.deepEqual(validateLocalSubjectAccessReview(review({ resourceAttributes: { ...get, namespace: 'ns' } })), [])
    assert.deepEqual(texts(validateLocalSubjectAccessReview(review({ resourceAttributes: get }, { name: 'n' }))), [
      'metadata: Invalid value: {"namespace":"ns","name":"n"}: must be empty except for namespace',
      'spec.resourceAttributes.namespace: Invalid value: "": must match metadata.namespace',
    ])
  })

  it('is not about paths', () => {
    assert.deepEqual(texts(validateLocalSubjectAccessReview(review({ nonResourceAttributes: { path: '/' } }))), [
      'spec.nonResourceAttributes: Invalid value: {"path":"/"}: disallowed on this kind of request',
    ])
  })
})
