/**
 * Which representation an Accept header asks for.
 * Upstream: k8s.io/apiserver/pkg/endpoints/handlers/negotiation
 */
import { notAcceptable } from '../../api/meta/status-error.ts'

export type Transform = 'Table' | 'PartialObjectMetadata' | 'PartialObjectMetadataList'

export type Format = 'json' | 'yaml' | 'protobuf'

export interface MediaType {
  readonly format: Format
  /** Another kind than the object's own. */
  readonly as?: { readonly kind: Transform; readonly version: 'v1' | 'v1beta1' }
}

export const jsonMediaType: MediaType = { format: 'json' }

export const contentTypes: Readonly<Record<Format, string>> = {
  json: 'application/json',
  yaml: 'application/yaml',
  protobuf: 'application/vnd.kubernetes.protobuf',
}

/** In the order that a wildcard tries them, and in which a refusal names them. */
const allFormats: readonly Format[] = ['json', 'yaml', 'protobuf']
/** Answers that have no protobuf: /version, the root paths. */
export const textFormats: readonly Format[] = ['json', 'yaml']

/** Whether the type of a clause takes a format. */
export const matchesType = (type: string, format: Format): boolean =>
  type === contentTypes[format] || type === 'application/*' || type === '*/*'

export interface AcceptClause {
  readonly type: string
  readonly params: ReadonlyMap<string, string>
  readonly quality: number
}

/** The clauses of an Accept header, what is liked best first. */
export const parseAccept = (header: string): AcceptClause[] =>
  header
    .split(',')
    .map((text) => {
      const [type = '', ...rest] = text.split(';').map((part) => part.trim())
      const params = new Map(
        rest.map((param) => {
          const equals = param.indexOf('=')
          return equals < 0 ? [param, ''] : [param.slice(0, equals), param.slice(equals + 1).replaceAll('"', '')]
        }),
      )
      return { type: type.toLowerCase(), params, quality: Number(params.get('q') ?? 1) }
    })
    .toSorted((a, b) => b.quality - a.quality)

const transformOf = (
  params: ReadonlyMap<string, string>,
  format: Format,
  allowed: readonly Transform[],
): MediaType['as'] | 'refused' => {
  const as = params.get('as')
  if (as === undefined) return params.has('g') || params.has('v') ? 'refused' : undefined
  // Cells of any type have no place in protobuf.
  if (as === 'Table' && format === 'protobuf') return 'refused'
  const kind = allowed.find((candidate) => candidate === as)
  const version = params.get('v')
  if (kind === undefined || params.get('g') !== 'meta.k8s.io' || (version !== 'v1' && version !== 'v1beta1'))
    return 'refused'
  return { kind, version }
}

const cache = new Map<string, MediaType>()
/** Clients choose what stands here: neither many nor long texts. */
const maxCached = 500
const maxCachedLength = 1_000

/**
 * Throws NotAcceptable. `allowed` says which transforms this endpoint can do, `formats` which encodings its kind has:
 * a custom resource has no protobuf, but its metadata have.
 */
export const negotiate = (
  accept: string | undefined,
  allowed: readonly Transform[],
  formats: readonly Format[] = allFormats,
): MediaType => {
  if (accept === undefined || accept === '' || accept === '*/*' || accept === 'application/json') return jsonMediaType
  const cacheKey = `${allowed.join()}:${formats.join()}:${accept}`
  const known = cache.get(cacheKey)
  if (known !== undefined) return known
  for (const { type, params } of parseAccept(accept)) {
    for (const format of allFormats) {
      if (!matchesType(type, format)) continue
      const as = transformOf(params, format, allowed)
      if (as === 'refused' || (as === undefined && !formats.includes(format))) continue
      const stream = params.get('stream') ?? ''
      if (stream !== '' && (stream !== 'watch' || format === 'yaml')) continue
      const mediaType: MediaType = as === undefined ? { format } : { format, as }
      if (cache.size < maxCached && cacheKey.length < maxCachedLength) cache.set(cacheKey, mediaType)
      return mediaType
    }
  }
  throw notAcceptable(formats.map((format) => contentTypes[format]))
}

/** `?pretty=true`, or a browser or curl that did not say otherwise. */
export const wantsPretty = (query: URLSearchParams, userAgent: string | undefined): boolean => {
  const asked = query.get('pretty')
  if (asked !== null && asked !== '') return /^(1|t|T|TRUE|true|True)$/.test(asked)
  return userAgent !== undefined && /^(curl|Wget|Mozilla\/5\.0)/.test(userAgent)
}
