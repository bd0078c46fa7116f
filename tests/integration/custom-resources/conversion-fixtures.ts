/** A definition whose versions a webhook converts: v1 has one field that v2 takes apart. */
import { startWebhookServer, type WebhookServer } from '../../../apiserver/admission/webhook/webhook-fixture.ts'
import type { CustomResourceDefinition, KubeObject } from '../../../api/types.ts'

export type HostSpec = { hostPort?: string; host?: string; port?: string; replicas?: number; note?: string }
export type HostObject = KubeObject & { spec?: HostSpec; status?: { phase?: string } }

const subresources = {
  status: {},
  scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' },
}
const schemaOf = (fields: object) => ({
  openAPIV3Schema: {
    type: 'object',
    properties: {
      spec: { type: 'object', properties: { ...fields, replicas: { type: 'integer' } } },
      status: { type: 'object', properties: { phase: { type: 'string' }, replicas: { type: 'integer' } } },
    },
  },
})
const text = { type: 'string' }

const v1 = {
  name: 'v1',
  served: true,
  storage: true,
  schema: schemaOf({ hostPort: { ...text, pattern: '^[a-z.]+:[0-9]+$' } }),
  subresources,
}
const v2 = {
  name: 'v2',
  served: true,
  storage: false,
  schema: schemaOf({ host: text, port: text, note: { ...text, default: 'none' } }),
  subresources,
  selectableFields: [{ jsonPath: '.spec.host' }],
  additionalPrinterColumns: [{ name: 'Host', type: 'string', jsonPath: '.spec.host' }],
}

/** `stored` is the version that is written. */
export const hosts = (group: string, webhook: object, stored: 'v1' | 'v2' = 'v1'): CustomResourceDefinition =>
  ({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `hosts.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { plural: 'hosts', singular: 'host', kind: 'Host' },
      conversion: { strategy: 'Webhook', webhook },
      versions: [v1, v2].map((version) => ({ ...version, storage: version.name === stored })),
    },
  }) as unknown as CustomResourceDefinition

const convertOne = (object: HostObject, apiVersion: string): HostObject => {
  const { hostPort, host, port, ...rest } = object.spec ?? {}
  if (apiVersion.endsWith('/v2')) {
    const [name, number] = (hostPort ?? '').split(':')
    const spec = hostPort === undefined ? rest : { host: name ?? '', port: number ?? '', ...rest }
    return { ...object, apiVersion, spec }
  }
  return { ...object, apiVersion, spec: host === undefined ? rest : { hostPort: `${host}:${port}`, ...rest } }
}

export interface ConversionServer extends AsyncDisposable {
  readonly server: WebhookServer
  /** How many objects each call so far was about. */
  readonly calls: () => number[]
  /** Changes what is answered; undefined is the true conversion. */
  answerWith: (response: ((objects: HostObject[]) => Record<string, unknown>) | undefined) => void
}

export const success = { status: 'Success' }

export const startConversionServer = async (): Promise<ConversionServer> => {
  const server = await startWebhookServer()
  let instead: ((objects: HostObject[]) => Record<string, unknown>) | undefined
  server.replies.set('/convert', ({ request }) => {
    const { objects, desiredAPIVersion } = request as unknown as { objects: HostObject[]; desiredAPIVersion: string }
    const converted = objects.map((object) => convertOne(object, desiredAPIVersion))
    return instead?.(converted) ?? { result: success, convertedObjects: converted }
  })
  return {
    server,
    calls: () => server.reviews.map(({ request }) => (request['objects'] as unknown[]).length),
    answerWith: (response) => {
      instead = response
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}
