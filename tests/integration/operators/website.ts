/** The custom resource of these tests: a web site in two versions, which a webhook converts. */

import type { KubernetesObject, V1ObjectMeta } from '@kubernetes/client-node'

export const group = 'demo.example.com'
export const website = { group, version: 'v1', plural: 'websites' } as const

export interface Website extends KubernetesObject {
  readonly metadata: V1ObjectMeta
  readonly spec: {
    readonly image: string
    readonly replicas?: number
    /** v1: `host:port`. */
    readonly address?: string
    /** v2. */
    readonly host?: string
    readonly port?: number
  }
  readonly status?: {
    readonly replicas?: number
    readonly phase?: string
    readonly observedGeneration?: number
    readonly selector?: string
  }
}

const text = { type: 'string', maxLength: 200 }
const version = (name: string, storage: boolean, address: object, rule: string) => ({
  name,
  served: true,
  storage,
  subresources: {
    status: {},
    scale: {
      specReplicasPath: '.spec.replicas',
      statusReplicasPath: '.status.replicas',
      labelSelectorPath: '.status.selector',
    },
  },
  additionalPrinterColumns: [{ name: 'Phase', type: 'string', jsonPath: '.status.phase' }],
  schema: {
    openAPIV3Schema: {
      type: 'object',
      required: ['spec'],
      properties: {
        spec: {
          type: 'object',
          required: ['image'],
          properties: { image: text, replicas: { type: 'integer', minimum: 0, default: 1 }, ...address },
          'x-kubernetes-validations': [{ rule, message: 'an address does not change' }],
        },
        status: {
          type: 'object',
          properties: {
            replicas: { type: 'integer' },
            observedGeneration: { type: 'integer' },
            phase: text,
            selector: text,
          },
        },
      },
    },
  },
})

const service = (path: string) => ({ service: { namespace: 'demo-system', name: 'webhook-service', path } })
const names = { plural: 'websites', singular: 'website', kind: 'Website', shortNames: ['site'] }

export const websiteDefinition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `websites.${group}` },
  spec: {
    group,
    scope: 'Namespaced',
    names,
    conversion: {
      strategy: 'Webhook',
      webhook: { clientConfig: service('/convert'), conversionReviewVersions: ['v1'] },
    },
    versions: [
      version(
        'v1',
        true,
        { address: text },
        '!has(oldSelf.address) || (has(self.address) && self.address == oldSelf.address)',
      ),
      version(
        'v2',
        false,
        { host: text, port: { type: 'integer' } },
        '!has(oldSelf.host) || (has(self.host) && self.host == oldSelf.host)',
      ),
    ],
  },
}

const hook = (name: string, path: string) => ({
  name: `${name}.${group}`,
  admissionReviewVersions: ['v1'],
  sideEffects: 'None',
  clientConfig: service(path),
  rules: [{ apiGroups: [group], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['websites'] }],
})
const configuration = (kind: string, webhook: object) => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind,
  metadata: { name: 'websites' },
  webhooks: [webhook],
})

export const webhookConfigurations = [
  configuration('MutatingWebhookConfiguration', hook('default', '/mutate')),
  configuration('ValidatingWebhookConfiguration', hook('validate', '/validate')),
]

const convertSpec = ({ address, host, port, ...spec }: Website['spec'], to: string): Website['spec'] => {
  if (to.endsWith('/v2')) {
    const [name = '', number = ''] = (address ?? '').split(':')
    return address === undefined ? spec : { ...spec, host: name, port: Number(number) }
  }
  return host === undefined ? spec : { ...spec, address: `${host}:${port}` }
}

export const convert = (object: Website, apiVersion: string): Website => ({
  ...object,
  apiVersion,
  spec: convertSpec(object.spec, apiVersion),
})
