/** Discovery and OpenAPI of the extension server: one resource with one subresource. */
import type { ExtensionServerConfig } from './config.ts'

export interface Discovery {
  /** The document of a path; undefined if there is none. */
  readonly document: (path: string, accept: string) => { readonly body: object; readonly type: string } | undefined
}

const verbs = ['create', 'delete', 'get', 'list', 'watch']
const json = 'application/json'

export const createDiscovery = ({ group, version, older }: ExtensionServerConfig): Discovery => {
  const groupVersion = `${group}/${version}`
  const kind = { group, version, kind: 'Flunder' }
  const definitionName = `${group.split('.').toReversed().join('.')}.${version}.Flunder`
  const schema = {
    description: 'A flunder of the test.',
    type: 'object',
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object' },
      spec: { type: 'object', properties: { reference: { description: 'What it refers to.', type: 'string' } } },
    },
    'x-kubernetes-group-version-kind': [kind],
  }
  const path = `/apis/${groupVersion}/namespaces/{namespace}/flunders`
  const operation = (ref: string) => ({
    operationId: 'listFlunders',
    description: 'list flunders',
    'x-kubernetes-action': 'list',
    'x-kubernetes-group-version-kind': kind,
    responses: { 200: { description: 'OK', ...(ref.startsWith('#/definitions') ? { schema: { $ref: ref } } : {}) } },
  })
  const versionEntry = { groupVersion, version }
  const groupDocument = { name: group, versions: [versionEntry], preferredVersion: versionEntry }
  const aggregated = {
    kind: 'APIGroupDiscoveryList',
    apiVersion: 'apidiscovery.k8s.io/v2',
    metadata: {},
    items: [
      {
        metadata: { name: group },
        versions: [
          {
            version,
            freshness: 'Current',
            resources: [
              {
                resource: 'flunders',
                responseKind: kind,
                scope: 'Namespaced',
                singularResource: 'flunder',
                shortNames: ['fl'],
                verbs,
                subresources: [{ subresource: 'echo', responseKind: kind, verbs: ['get'] }],
              },
            ],
          },
        ],
      },
    ],
  }
  const legacy = {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion,
    resources: [
      { name: 'flunders', singularName: 'flunder', namespaced: true, kind: 'Flunder', verbs, shortNames: ['fl'] },
      { name: 'flunders/echo', singularName: '', namespaced: true, kind: 'Flunder', verbs: ['get'] },
    ],
  }
  const documents: Readonly<Record<string, object>> = {
    '/apis': { kind: 'APIGroupList', apiVersion: 'v1', groups: [groupDocument] },
    [`/apis/${group}`]: { kind: 'APIGroup', apiVersion: 'v1', ...groupDocument },
    [`/apis/${groupVersion}`]: legacy,
    '/openapi/v2': {
      swagger: '2.0',
      info: { title: 'extension', version: 'v1' },
      paths: {
        [path]: { get: operation(`#/definitions/${definitionName}`) },
        '/healthz': { get: { responses: { 200: { description: 'OK' } } } },
      },
      definitions: { [definitionName]: schema, unused: { type: 'string' } },
    },
    '/openapi/v3': {
      paths: { [`apis/${groupVersion}`]: { serverRelativeURL: `/openapi/v3/apis/${groupVersion}?hash=ABC` } },
    },
    [`/openapi/v3/apis/${groupVersion}`]: {
      openapi: '3.0.0',
      info: { title: 'extension', version: 'v1' },
      paths: { [path]: { get: operation(`#/components/schemas/${definitionName}`) } },
      components: { schemas: { [definitionName]: schema } },
    },
  }
  return {
    document: (asked, accept) => {
      if (asked === '/apis' && !older && accept.includes('as=APIGroupDiscoveryList')) {
        return { body: aggregated, type: `${json};g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList` }
      }
      const body = older && asked.startsWith('/openapi/v3') ? undefined : documents[asked]
      return body === undefined ? undefined : { body, type: json }
    },
  }
}
