import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseRequestInfo, type RequestInfo } from './request-info.ts'

const parse = (method: string, url: string): RequestInfo => {
  const [path = '', query = ''] = url.split('?')
  return parseRequestInfo(method, path, new URLSearchParams(query))
}

const cases: readonly [string, string, Partial<RequestInfo>][] = [
  ['GET', '/api/v1/namespaces', { verb: 'list', resource: 'namespaces', namespace: '' }],
  ['GET', '/api/v1/namespaces/a', { verb: 'get', resource: 'namespaces', name: 'a', namespace: 'a' }],
  [
    'PUT',
    '/api/v1/namespaces/a/finalize',
    { verb: 'update', resource: 'namespaces', subresource: 'finalize', name: 'a' },
  ],
  ['GET', '/api/v1/namespaces/a/pods', { verb: 'list', resource: 'pods', namespace: 'a', name: '' }],
  ['GET', '/api/v1/namespaces/a/pods?watch=true', { verb: 'watch' }],
  ['GET', '/api/v1/namespaces/a/pods?watch=false', { verb: 'list' }],
  ['GET', '/api/v1/namespaces/a/pods?fieldSelector=metadata.name=x', { verb: 'list', name: 'x' }],
  ['GET', '/api/v1/namespaces/a/pods?fieldSelector=metadata.name=x/y', { verb: 'list', name: '' }],
  ['POST', '/api/v1/namespaces/a/pods/p/exec', { verb: 'create', resource: 'pods', subresource: 'exec', name: 'p' }],
  ['GET', '/api/v1/namespaces/a/pods/p/proxy/b/c/', { subresource: 'proxy', subpath: '/b/c/' }],
  ['GET', '/api/v1/namespaces/a/pods/p/proxy', { subresource: 'proxy', subpath: '' }],
  [
    'DELETE',
    '/apis/apps/v1/namespaces/a/deployments',
    { verb: 'deletecollection', apiGroup: 'apps', apiVersion: 'v1' },
  ],
  ['PATCH', '/apis/apps/v1/namespaces/a/deployments/d/scale', { verb: 'patch', subresource: 'scale', name: 'd' }],
  ['GET', '/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode', { verb: 'get', name: 'system:node' }],
  ['GET', '/api/v1/watch/pods', { verb: 'watch', resource: 'pods' }],
  ['GET', '/api/v1', { isResourceRequest: false, verb: 'get', path: '/api/v1' }],
  ['GET', '/apis/apps/v1/', { isResourceRequest: false }],
  ['POST', '/healthz', { isResourceRequest: false, verb: 'post' }],
]

describe('request info', () => {
  for (const [method, url, wanted] of cases) {
    it(`reads ${method} ${url}`, () => {
      const info = parse(method, url)
      for (const [field, value] of Object.entries(wanted)) assert.equal(info[field as keyof RequestInfo], value, field)
    })
  }
})
