import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { mergeOpenApiV2 } from './merge.ts'

const get = (ref: string) => ({ get: { responses: { 200: { schema: { $ref: ref } } } } })

describe('a merged OpenAPI document', () => {
  const own = {
    swagger: '2.0',
    paths: { '/api/v1/pods': get('#/definitions/Meta') },
    definitions: { Meta: { type: 'object' } },
  }

  it('has the paths of the group and all that they need, and nothing else', () => {
    const document = {
      paths: {
        '/apis/a.example.com/v1/things': get('#/definitions/Thing'),
        '/apis/a.example.com/v10/others': get('#/definitions/Other'),
        '/healthz': get('#/definitions/Other'),
      },
      definitions: {
        Thing: { properties: { meta: { $ref: '#/definitions/Meta' }, part: { $ref: '#/definitions/Part' } } },
        Part: { properties: { whole: { $ref: '#/definitions/Thing' } } },
        Meta: { type: 'object' },
        Other: {},
      },
    }
    const merged = mergeOpenApiV2(own, [{ prefix: '/apis/a.example.com/v1', document }])
    assert.deepEqual(Object.keys(merged['paths'] as object), ['/api/v1/pods', '/apis/a.example.com/v1/things'])
    assert.deepEqual(Object.keys(merged['definitions'] as object), ['Meta', 'Thing', 'Part'])
  })

  it('gives what differs another name, also where it is referred to', () => {
    const document = {
      paths: { '/apis/b/v1/things': get('#/definitions/Thing') },
      definitions: { Thing: { items: { $ref: '#/definitions/Meta' } }, Meta: { type: 'string' } },
    }
    const merged = mergeOpenApiV2(own, [
      { prefix: '/apis/b/v1', document },
      { prefix: '/apis/b/v1', document },
    ])
    assert.deepEqual(merged['definitions'], {
      Meta: { type: 'object' },
      Meta_v2: { type: 'string' },
      Thing: { items: { $ref: '#/definitions/Meta_v2' } },
    })
  })

  it('is ours alone where there is no other', () => {
    assert.equal(mergeOpenApiV2(own, []), own)
  })
})
