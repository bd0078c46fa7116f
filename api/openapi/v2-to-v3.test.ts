import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { openApiV3FromV2 } from './v2-to-v3.ts'

describe('OpenAPI of version 2', () => {
  it('is told in version 3: bodies, contents, parameters and references', () => {
    const document = {
      swagger: '2.0',
      info: { title: 't', version: 'v' },
      paths: {
        '/other': { get: {} },
        '/apis/a/v1/things': {
          parameters: [{ $ref: '#/parameters/ns' }],
          post: {
            operationId: 'create',
            schemes: ['https'],
            consumes: ['application/json'],
            produces: ['application/json', 'application/yaml'],
            parameters: [
              { name: 'body', in: 'body', required: true, schema: { $ref: '#/definitions/Thing' } },
              { name: 'dryRun', in: 'query', description: 'd', type: 'string', uniqueItems: true },
            ],
            responses: { 200: { description: 'OK', schema: { $ref: '#/definitions/Thing' } }, 401: {} },
          },
        },
      },
      parameters: { ns: { name: 'namespace', in: 'path', required: true, type: 'string' } },
      definitions: { Thing: { properties: { more: { $ref: '#/definitions/Thing' } } } },
    }
    const schema = { $ref: '#/components/schemas/Thing' }
    assert.deepEqual(openApiV3FromV2(document, '/apis/a/v1'), {
      openapi: '3.0.0',
      info: { title: 't', version: 'v' },
      paths: {
        '/apis/a/v1/things': {
          parameters: [{ name: 'namespace', in: 'path', required: true, schema: { type: 'string' } }],
          post: {
            operationId: 'create',
            requestBody: { content: { 'application/json': { schema } }, required: true },
            parameters: [
              { name: 'dryRun', in: 'query', description: 'd', schema: { type: 'string', uniqueItems: true } },
            ],
            responses: {
              200: {
                description: 'OK',
                content: { 'application/json': { schema }, 'application/yaml': { schema } },
              },
              401: { description: '' },
            },
          },
        },
      },
      components: { schemas: { Thing: { properties: { more: schema } } }, securitySchemes: {} },
    })
  })

  it('is taken as far as it makes sense', () => {
    const empty = openApiV3FromV2({ paths: { '/p': 7 }, definitions: [] }, '/p')
    assert.deepEqual(empty['paths'], { '/p': {} })
  })
})
