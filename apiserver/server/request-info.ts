/**
 * What a request is about, read from its path and method.
 * Upstream: k8s.io/apiserver/pkg/endpoints/request/requestinfo.go
 */
import { isValidPathSegmentName } from '../../api/meta/names.ts'
import { queryBool } from '../../api/meta/query-bool.ts'

export interface RequestInfo {
  readonly isResourceRequest: boolean
  readonly path: string
  /** get, list, watch, create, update, patch, delete, deletecollection; the lower-case method for other paths. */
  readonly verb: string
  /** `api` or `apis` for resource requests, '' otherwise. */
  readonly apiPrefix: '' | 'api' | 'apis'
  readonly apiGroup: string
  readonly apiVersion: string
  readonly namespace: string
  readonly resource: string
  readonly subresource: string
  /** Name of the object, or '' for collections. */
  readonly name: string
  /** What follows the subresource: the path of a proxy request, with its leading slash, or ''. */
  readonly subpath: string
}

const verbOfMethod: Readonly<Record<string, string>> = {
  POST: 'create',
  GET: 'get',
  HEAD: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
}

const nonResource = (path: string, method: string): RequestInfo => ({
  isResourceRequest: false,
  path,
  verb: method.toLowerCase(),
  apiPrefix: '',
  apiGroup: '',
  apiVersion: '',
  namespace: '',
  resource: '',
  subresource: '',
  name: '',
  subpath: '',
})

const decodePart = (part: string): string => {
  if (!part.includes('%')) return part
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/** Subresources of a namespace; any other third part is a resource inside it. */
const namespaceSubresources = new Set(['status', 'finalize'])

const nameInFieldSelector = (query: URLSearchParams): string => {
  const selector = query.get('fieldSelector')
  if (selector === null) return ''
  for (const term of selector.split(',')) {
    const match = /^metadata\.name==?([^=!]+)$/.exec(term)
    // What could not stand in a path is no name.
    if (match?.[1] !== undefined) return isValidPathSegmentName(match[1]).length === 0 ? match[1] : ''
  }
  return ''
}

/** Parses a request line. `path` is the undecoded path without the query. */
export const parseRequestInfo = (method: string, path: string, query: URLSearchParams): RequestInfo => {
  const segments = path.split('/')
  const prefix = segments[1]
  if (prefix !== 'api' && prefix !== 'apis') return nonResource(path, method)
  // /api/v1/<rest>, /apis/<group>/<version>/<rest>
  const versionAt = prefix === 'api' ? 2 : 3
  const parts = segments.slice(versionAt + 1)
  while (parts.length > 0 && parts[parts.length - 1] === '') parts.pop()
  if (parts.length === 0 || segments.length <= versionAt) return nonResource(path, method)

  let verb = verbOfMethod[method] ?? ''
  let at = 0
  if (parts[0] === 'watch' || parts[0] === 'proxy') {
    verb = parts[0] === 'watch' ? 'watch' : 'proxy'
    at = 1
    if (parts.length === 1) return nonResource(path, method)
  }
  let namespace = ''
  if (parts[at] === 'namespaces') {
    namespace = decodePart(parts[at + 1] ?? '')
    if (parts.length > at + 2 && !namespaceSubresources.has(parts[at + 2] ?? '')) at += 2
  }
  const resource = decodePart(parts[at] ?? '')
  const name = decodePart(parts[at + 1] ?? '')
  const subresource = decodePart(parts[at + 2] ?? '')
  const subpath =
    parts.length > at + 3 ? `/${segments.slice(versionAt + 1 + at + 3).join('/')}` : path.endsWith('/') ? '/' : ''

  let effectiveName = name
  if (name === '') {
    if (verb === 'get') verb = queryBool(query, 'watch') ? 'watch' : 'list'
    else if (verb === 'delete') verb = 'deletecollection'
    // Lets RBAC rules with resourceNames allow lists and watches of a single object.
    if (verb === 'list' || verb === 'watch' || verb === 'deletecollection') effectiveName = nameInFieldSelector(query)
  }
  return {
    isResourceRequest: true,
    path,
    verb,
    apiPrefix: prefix,
    apiGroup: prefix === 'api' ? '' : decodePart(segments[2] ?? ''),
    apiVersion: decodePart(segments[versionAt] ?? ''),
    namespace,
    resource,
    subresource,
    name: effectiveName,
    subpath,
  }
}
