/** Discovery and OpenAPI of metrics.k8s.io: nodes and pods, to get and to list. */
import { groupVersion } from './objects.ts'

const group = 'metrics.k8s.io'
const version = 'v1beta1'
const verbs = ['get', 'list']

const resources = [
  { plural: 'nodes', kind: 'NodeMetrics', namespaced: false },
  { plural: 'pods', kind: 'PodMetrics', namespaced: true },
] as const

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
          resources: resources.map(({ plural, kind, namespaced }) => ({
            resource: plural,
            responseKind: { group, version, kind },
            scope: namespaced ? 'Namespaced' : 'Cluster',
            singularResource: '',
            verbs,
          })),
        },
      ],
    },
  ],
}

const quantities = { type: 'object', additionalProperties: { type: 'string' }, description: 'Resource use by name.' }
const container = {
  type: 'object',
  required: ['name', 'usage'],
  properties: { name: { type: 'string' }, usage: quantities },
}
const definitionOf = (kind: string): string => `io.k8s.metrics.pkg.apis.metrics.v1beta1.${kind}`

const schemaOf = (kind: string, own: Readonly<Record<string, object>>): object => ({
  description: 'Measured resource use.',
  type: 'object',
  properties: {
    apiVersion: { type: 'string' },
    kind: { type: 'string' },
    metadata: { type: 'object' },
    timestamp: { type: 'string', format: 'date-time', description: 'The end of the window.' },
    window: { type: 'string', description: 'The time that the use of cores is an average of.' },
    ...own,
  },
  'x-kubernetes-group-version-kind': [{ group, version, kind }],
})
const schemas = {
  [definitionOf('NodeMetrics')]: schemaOf('NodeMetrics', { usage: quantities }),
  [definitionOf('PodMetrics')]: schemaOf('PodMetrics', { containers: { type: 'array', items: container } }),
}

const paths = (refPrefix: string): Record<string, object> =>
  Object.fromEntries(
    resources.map(({ plural, kind, namespaced }) => [
      `/apis/${groupVersion}/${namespaced ? 'namespaces/{namespace}/' : ''}${plural}/{name}`,
      {
        get: {
          operationId: `read${kind}`,
          description: `read the specified ${kind}`,
          'x-kubernetes-action': 'get',
          'x-kubernetes-group-version-kind': { group, version, kind },
          responses: {
            200: refPrefix.includes('definitions')
              ? { description: 'OK', schema: { $ref: `${refPrefix}${definitionOf(kind)}` } }
              : {
                  description: 'OK',
                  content: { 'application/json': { schema: { $ref: `${refPrefix}${definitionOf(kind)}` } } },
                },
          },
        },
      },
    ]),
  )

const info = { title: 'metrics-server', version: 'v1.36.0' }
const json = 'application/json'

const documents: Readonly<Record<string, object>> = {
  '/apis': { kind: 'APIGroupList', apiVersion: 'v1', groups: [groupDocument] },
  [`/apis/${group}`]: { kind: 'APIGroup', apiVersion: 'v1', ...groupDocument },
  [`/apis/${groupVersion}`]: {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion,
    resources: resources.map(({ plural, kind, namespaced }) => ({
      name: plural,
      singularName: '',
      namespaced,
      kind,
      verbs,
    })),
  },
  '/openapi/v2': { swagger: '2.0', info, paths: paths('#/definitions/'), definitions: schemas },
  '/openapi/v3': {
    paths: { [`apis/${groupVersion}`]: { serverRelativeURL: `/openapi/v3/apis/${groupVersion}?hash=v1.36.0` } },
  },
  [`/openapi/v3/apis/${groupVersion}`]: {
    openapi: '3.0.0',
    info,
    paths: paths('#/components/schemas/'),
    components: { schemas },
  },
}

/** The document of a path, as who asks accepts it; undefined if there is none. */
export const documentOf = (
  path: string,
  accept: string,
): { readonly body: object; readonly type: string } | undefined => {
  if (path === '/apis' && accept.includes('as=APIGroupDiscoveryList')) {
    return { body: aggregated, type: `${json};g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList` }
  }
  const body = documents[path]
  return body === undefined ? undefined : { body, type: json }
}
