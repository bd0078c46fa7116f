/** ConversionReview: what a conversion webhook is sent and what it may answer. Upstream: webhook_converter.go */
import { randomUUID } from 'node:crypto'
import { jsonText } from '../../../api/codec/encode.ts'
import { JsonSyntaxError, parseJson } from '../../../api/codec/json.ts'
import type { KubeObject } from '../../../api/types.ts'
import { type Review, reviewVersion } from '../../webhook/review.ts'

const group = 'apiextensions.k8s.io'

/** Undefined where the webhook speaks no version that we do. */
export const buildReview = (
  versions: readonly string[],
  objects: readonly KubeObject[],
  desiredAPIVersion: string,
): Review | undefined => {
  const version = reviewVersion(versions)
  if (version === undefined) return undefined
  const apiVersion = `${group}/${version}`
  const uid = randomUUID()
  const request = { uid, desiredAPIVersion, objects }
  // Upstream sends an empty response along.
  const response = { uid: '', convertedObjects: null, result: { metadata: {} } }
  return { uid, apiVersion, body: jsonText({ kind: 'ConversionReview', apiVersion, request, response }) }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

/** The answer as an object; throws Error where it is none, which counts as a failed call. */
export const parseAnswer = (text: string): Record<string, unknown> => {
  try {
    const { value } = parseJson(text, { strict: false })
    if (isObject(value)) return value
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error
    throw new Error(`couldn't get version/kind; json parse error: ${error.message}`, { cause: error })
  }
  throw new Error("couldn't get version/kind; json parse error: json: cannot unmarshal into an object")
}

/** The converted objects, unchecked; throws Error for what is no answer to this review, and with what the webhook says. */
export const readConverted = (
  review: Review,
  { kind, apiVersion, response }: Record<string, unknown>,
): readonly unknown[] => {
  const strict = review.apiVersion === `${group}/v1`
  if (strict && (kind !== 'ConversionReview' || apiVersion !== review.apiVersion)) {
    throw new Error(
      `expected webhook response of ${review.apiVersion}, Kind=ConversionReview, got ${textOf(apiVersion)}, Kind=${textOf(kind)}`,
    )
  }
  if (!isObject(response)) throw new Error('no response provided')
  if (strict && response['uid'] !== review.uid) {
    throw new Error(
      `expected response.uid=${JSON.stringify(review.uid)}, got ${JSON.stringify(textOf(response['uid']))}`,
    )
  }
  const result = isObject(response['result']) ? response['result'] : {}
  if (result['status'] !== 'Success') {
    const message = textOf(result['message'])
    throw new Error(
      message === '' ? `response.result.status was '${textOf(result['status'])}', not 'Success'` : message,
    )
  }
  const converted = response['convertedObjects']
  return Array.isArray(converted) ? converted : []
}
