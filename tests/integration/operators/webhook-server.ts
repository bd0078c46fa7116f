/** The operator's webhooks, served as its manifests say: defaults, a check, and the conversion of versions. */
import { createServer, type Server } from 'node:https'
import { json } from 'node:stream/consumers'
import type { WebhookServing } from '../../../testing/control-plane.ts'
import { convert, type Website } from './website.ts'

interface Review {
  readonly apiVersion: string
  readonly kind: string
  readonly request: {
    readonly uid: string
    readonly object?: Website
    readonly objects?: readonly Website[]
    readonly desiredAPIVersion?: string
  }
}

const maxReplicas = 5

const mutate = ({ object }: Review['request']): object => {
  const path = '/metadata/labels'
  const labels = { ...object?.metadata.labels, 'demo.example.com/site': object?.metadata.name }
  const patch = Buffer.from(JSON.stringify([{ op: 'add', path, value: labels }])).toString('base64')
  return { allowed: true, patchType: 'JSONPatch', patch }
}

const validate = ({ object }: Review['request']): object =>
  (object?.spec.replicas ?? 0) <= maxReplicas
    ? { allowed: true, warnings: object?.spec.image === 'none:latest' ? ['latest is no version'] : [] }
    : { allowed: false, status: { code: 422, message: `at most ${maxReplicas} replicas` } }

const convertAll = ({ objects = [], desiredAPIVersion = '' }: Review['request']): object => ({
  result: { status: 'Success' },
  convertedObjects: objects.map((object) => convert(object, desiredAPIVersion)),
})

const answers: Readonly<Record<string, (request: Review['request']) => object>> = {
  '/mutate': mutate,
  '/validate': validate,
  '/convert': convertAll,
}

export const startWebhooks = async ({ cert, key, host, port }: WebhookServing): Promise<Server> => {
  const server = createServer({ cert, key }, async (incoming, outgoing) => {
    const { apiVersion, kind, request } = (await json(incoming)) as Review
    const answer = answers[new URL(incoming.url ?? '', 'https://webhook').pathname]
    outgoing.setHeader('content-type', 'application/json')
    if (answer === undefined) outgoing.writeHead(404)
    outgoing.end(JSON.stringify({ apiVersion, kind, response: { uid: request.uid, ...answer?.(request) } }))
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve))
  return server
}
