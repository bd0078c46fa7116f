/**
 * Custom resources from one version into another: by name only, or by the webhook that their definition names.
 * Upstream: apiextensions-apiserver/pkg/apiserver/conversion
 */
import type { CustomResourceDefinition, KubeObject } from '../../../api/types.ts'
import { jsonText } from '../../../api/codec/encode.ts'
import { ConversionError } from '../../storage/key-value.ts'
import type { CallReview, WebhookClientConfig } from '../../webhook/review-caller.ts'
import { acceptConverted, describeKind } from './converted-object.ts'
import type { ConversionFailure, ConversionMetrics } from './metrics.ts'
import { buildReview, parseAnswer, readConverted } from './review.ts'

/** Objects in the wanted version, in their order. Rejects with ConversionError. */
export interface Converter {
  /** False where it answers at once. */
  readonly waits: boolean
  readonly convert: (
    objects: readonly KubeObject[],
    apiVersion: string,
  ) => readonly KubeObject[] | Promise<readonly KubeObject[]>
}

/** Strategy None: versions differ in nothing but their name. */
const renaming: Converter = {
  waits: false,
  convert: (objects, apiVersion) =>
    objects.map((object) => (object.apiVersion === apiVersion ? object : { ...object, apiVersion })),
}

export interface WebhookDependencies {
  readonly call: CallReview
  readonly metrics: ConversionMetrics
}

/** Upstream: the default timeout of webhook clients. */
const timeoutSeconds = 30
/** One call carries so much, or one object. */
const maxBatchBytes = 512 * 1024

const versionOf = ({ apiVersion = '' }: KubeObject): string => apiVersion.slice(apiVersion.indexOf('/') + 1)

/** Parts that one call each can carry. */
const batchesOf = (objects: readonly KubeObject[]): KubeObject[][] => {
  const batches: KubeObject[][] = []
  let size = 0
  for (const object of objects) {
    const bytes = jsonText(object).length
    const last = batches.at(-1)
    if (last === undefined || size + bytes > maxBatchBytes) {
      batches.push([object])
      size = bytes
    } else {
      last.push(object)
      size += bytes
    }
  }
  return batches
}

const byWebhook = (
  definition: string,
  { clientConfig, conversionReviewVersions }: { clientConfig: WebhookClientConfig; conversionReviewVersions: string[] },
  { call, metrics }: WebhookDependencies,
): Converter => {
  const convertBatch = async (batch: readonly KubeObject[], apiVersion: string): Promise<readonly KubeObject[]> => {
    const [first] = batch
    if (first === undefined) return []
    const started = performance.now()
    const done = (failure?: ConversionFailure): void =>
      metrics.called(
        { definition, fromVersion: versionOf(first), toVersion: versionOf({ apiVersion }) },
        (performance.now() - started) / 1000,
        failure,
      )
    const failed = (failure: ConversionFailure, cause: unknown, message?: string): ConversionError => {
      done(failure)
      const why = cause instanceof Error ? cause.message : String(cause)
      return new ConversionError(message ?? `conversion webhook for ${describeKind(first)} failed: ${why}`, cause)
    }
    const review = buildReview(conversionReviewVersions, batch, apiVersion)
    if (review === undefined) throw new ConversionError('no supported conversion review versions')
    let answer: Record<string, unknown>
    try {
      answer = parseAnswer(await call({ clientConfig, timeoutSeconds, body: review.body }))
    } catch (error) {
      throw failed('conversion_webhook_call_failure', error)
    }
    let converted: readonly unknown[]
    try {
      converted = readConverted(review, answer)
    } catch (error) {
      throw failed('conversion_webhook_malformed_response_failure', error)
    }
    if (converted.length !== batch.length) {
      const message = `conversion webhook for ${describeKind(first)} returned ${converted.length} objects, expected ${batch.length}`
      throw failed('conversion_webhook_partial_response_failure', undefined, message)
    }
    try {
      const accepted = batch.map((object, index) => acceptConverted(object, converted[index], apiVersion))
      done()
      return accepted
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      throw failed('conversion_webhook_invalid_converted_object_failure', error, message)
    }
  }

  return {
    waits: true,
    convert: (objects, apiVersion) => {
      const others = objects.filter((object) => object.apiVersion !== apiVersion)
      if (others.length === 0) return objects
      return (async () => {
        const converted = new Map<KubeObject, KubeObject>()
        for (const batch of batchesOf(others)) {
          const answers = await convertBatch(batch, apiVersion)
          for (const [index, object] of batch.entries()) converted.set(object, answers[index] ?? object)
        }
        return objects.map((object) => converted.get(object) ?? object)
      })()
    },
  }
}

/** The converter that a definition asks for. */
export const converterOf = (
  { metadata, spec: { conversion } }: CustomResourceDefinition,
  dependencies: WebhookDependencies,
): Converter => {
  const webhook = conversion?.strategy === 'Webhook' ? conversion.webhook : undefined
  if (webhook === undefined) return renaming
  const { clientConfig = {}, conversionReviewVersions } = webhook
  return byWebhook(metadata?.name ?? '', { clientConfig, conversionReviewVersions }, dependencies)
}
