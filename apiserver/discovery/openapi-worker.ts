/** Builds OpenAPI documents in a thread of its own: some are megabytes, and requests must not wait for them. */
import { parentPort } from 'node:worker_threads'
import type { CustomKindFacts } from '../../api/kind.ts'
import { loadDescriptions } from '../../api/openapi/descriptions.ts'
import { type AggregatedSpec, mergeOpenApiV2 } from '../../api/openapi/merge.ts'
import { encodeOpenApiV2 } from '../../api/openapi/v2-protobuf.ts'
import { openApiV2Document } from '../../api/openapi/v2.ts'
import { openApiV3Document } from '../../api/openapi/v3.ts'
import { servedRows } from './openapi-resources.ts'

export type DocumentRequest = {
  readonly id: number
  /** Names of the resources that it is about. */
  readonly served: readonly string[]
  /** CustomKindFacts as JSON. */
  readonly custom: readonly string[]
} & (
  | { readonly type: 'v2'; readonly protobuf: boolean; readonly aggregated: readonly AggregatedSpec[] }
  | { readonly type: 'v3'; readonly key: string }
)

export interface DocumentAnswer {
  readonly id: number
  /** undefined: there is no such document. */
  readonly bytes: Uint8Array | undefined
  readonly error?: string
}

/** Read once in the life of the worker. */
const texts = loadDescriptions()

const build = async (request: DocumentRequest): Promise<Uint8Array | undefined> => {
  const options = {
    descriptions: await texts,
    resources: servedRows(request.served),
    custom: request.custom.map((text) => JSON.parse(text) as CustomKindFacts),
  }
  if (request.type === 'v2') {
    const own = openApiV2Document(options)
    const encode = (document: Record<string, unknown>): Uint8Array =>
      request.protobuf ? encodeOpenApiV2(document) : Buffer.from(JSON.stringify(document))
    try {
      return encode(mergeOpenApiV2(own, request.aggregated))
    } catch (error) {
      // What an aggregated server says may be anything; ours can be told without it.
      if (request.aggregated.length === 0) throw error
      return encode(own)
    }
  }
  const document = openApiV3Document(request.key, options)
  return document === undefined ? undefined : Buffer.from(JSON.stringify(document))
}

parentPort?.on('message', (request: DocumentRequest) => {
  build(request).then(
    (bytes) => parentPort?.postMessage({ id: request.id, bytes } satisfies DocumentAnswer),
    (error: unknown) =>
      parentPort?.postMessage({ id: request.id, bytes: undefined, error: String(error) } satisfies DocumentAnswer),
  )
})
