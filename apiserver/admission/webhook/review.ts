/** AdmissionReview: what a webhook is sent and what it may answer. https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/ */
import { randomUUID } from 'node:crypto'
import type { KubeObject } from '../../../api/types.ts'
import type { StatusDetails } from '../../../api/meta/status-error.ts'
import type { AdmissionAttributes } from '../admission.ts'
import { type Review, reviewVersion } from '../../webhook/review.ts'
import type { MatchedRequest } from '../matching/matcher.ts'

/** The review in the first version of the webhook's list that we speak. Throws ReviewError. */
export const buildReview = (
  versions: readonly string[],
  attributes: AdmissionAttributes,
  seen: MatchedRequest,
): Review => {
  const version = reviewVersion(versions)
  if (version === undefined)
    throw new ReviewError('webhook does not accept known AdmissionReview versions (v1, v1beta1)')
  const apiVersion = `admission.k8s.io/${version}`
  const uid = randomUUID()
  const { group, version: requestVersion, resource, subresource, kind, user } = attributes
  const sub = subresource === '' ? {} : { subResource: subresource }
  const request = {
    uid,
    kind: { group: seen.kind.group, version: seen.kind.version, kind: seen.kind.kind },
    resource: { group: seen.group, version: seen.version, resource: seen.resource },
    ...sub,
    requestKind: { group: kind.group, version: kind.version, kind: kind.kind },
    requestResource: { group, version: requestVersion, resource },
    ...(subresource === '' ? {} : { requestSubResource: subresource }),
    ...(attributes.name === '' ? {} : { name: attributes.name }),
    ...(attributes.namespace === '' ? {} : { namespace: attributes.namespace }),
    operation: attributes.operation,
    userInfo: {
      username: user.name,
      ...(user.uid === '' ? {} : { uid: user.uid }),
      groups: user.groups,
      ...(Object.keys(user.extra).length === 0 ? {} : { extra: user.extra }),
    },
    object: withKind(seen.object, seen) ?? null,
    oldObject: withKind(seen.oldObject, seen) ?? null,
    dryRun: attributes.dryRun,
    options: attributes.options ?? null,
  }
  return { uid, apiVersion, body: JSON.stringify({ kind: 'AdmissionReview', apiVersion, request }) }
}

const withKind = (object: KubeObject | undefined, { kind }: MatchedRequest): KubeObject | undefined =>
  object === undefined
    ? undefined
    : { ...object, kind: kind.kind, apiVersion: kind.group === '' ? kind.version : `${kind.group}/${kind.version}` }

/** A call whose answer is none. */
export class ReviewError extends Error {}

export interface Verdict {
  readonly allowed: boolean
  readonly result: {
    readonly code?: number
    readonly message?: string
    readonly reason?: string
    readonly details?: StatusDetails
  }
  readonly patch: unknown
  readonly warnings: readonly string[]
  readonly annotations: Readonly<Record<string, string>>
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const parse = (text: string): Record<string, unknown> => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new ReviewError(`couldn't get version/kind; json parse error: ${error instanceof Error ? error.message : ''}`)
  }
  if (!isRecord(value)) throw new ReviewError("couldn't get version/kind; json parse error: not an object")
  return value
}

const readPatch = (response: Record<string, unknown>): unknown => {
  const { patch, patchType } = response
  if (patch === undefined || patch === null || patch === '') {
    if (patchType !== undefined && patchType !== null)
      throw new ReviewError('webhook returned response.patchType but not response.patch')
    return undefined
  }
  if (patchType === undefined || patchType === null)
    throw new ReviewError('webhook returned response.patch but not response.patchType')
  if (patchType !== 'JSONPatch')
    throw new ReviewError(`webhook returned invalid response.patchType of ${JSON.stringify(patchType)}`)
  return JSON.parse(Buffer.from(String(patch), 'base64').toString()) as unknown
}

/** Throws ReviewError for what is no answer to this review. Upstream: VerifyAdmissionResponse. */
export const readVerdict = (review: Review, text: string, mutates: boolean): Verdict => {
  const { kind, apiVersion, response } = parse(text)
  if (kind !== 'AdmissionReview' || apiVersion !== review.apiVersion) {
    throw new ReviewError(
      `expected webhook response of ${review.apiVersion}, Kind=AdmissionReview, got ${String(apiVersion)}, Kind=${String(kind)}`,
    )
  }
  if (!isRecord(response)) throw new ReviewError('webhook response was absent')
  if (review.apiVersion.endsWith('/v1') && response['uid'] !== review.uid) {
    const got = JSON.stringify(response['uid'] ?? '')
    throw new ReviewError(`expected response.uid=${JSON.stringify(review.uid)}, got ${got}`)
  }
  const status = isRecord(response['status']) ? response['status'] : {}
  const annotations = isRecord(response['auditAnnotations']) ? response['auditAnnotations'] : {}
  const warnings = Array.isArray(response['warnings']) ? response['warnings'] : []
  let patch: unknown
  try {
    patch = mutates ? readPatch(response) : undefined
  } catch (error) {
    throw error instanceof ReviewError ? error : new ReviewError(`response.patch: ${String(error)}`)
  }
  return {
    allowed: response['allowed'] === true,
    result: status,
    patch,
    warnings: warnings.filter((warning) => typeof warning === 'string'),
    annotations: Object.fromEntries(
      Object.entries(annotations).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
    ),
  }
}
