/**
 * Which representation an Accept header asks for.
 * Upstream: k8s.io/apiserver/pkg/endpoints/handlers/negotiation
 */
import { notAcceptable } from '../../api/meta/status-error.ts'

export type Transform = 'Table' | 'PartialObjectMetadata' | 'PartialObjectMetadataList'

export interface MediaType {
  readonly format: 'json' | 'yaml'
  /** Another kind than the object's own. */
  readonly as?: { readonly kind: Transform; readonly version: 'v1' | 'v1beta1' }
}

export const jsonMediaType: MediaType = { format: 'json' }

const formats: Readonly<Record<string, 'json' | 'yaml'>> = {
  'application/json': 'json',
  'application/yaml': 'yaml',
  '*/*': 'json',
  'application/*': 'json',
}
export const acceptedMediaTypes = ['application/json', 'application/yaml']

interface Clause {
  readonly type: string
  readonly params: ReadonlyMap<string, string>
  readonly quality: number
}

const parseAccept = (header: string): Clause[] =>
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
  allowed: readonly Transform[],
): MediaType['as'] | 'refused' => {
  const as = params.get('as')
  if (as === undefined) return undefined
  const kind = allowed.find((candidate) => candidate === as)
  const version = params.get('v')
  if (kind === undefined || params.get('g') !== 'meta.k8s.io' || (version !== 'v1' && version !== 'v1beta1'))
    return 'refused'
  return { kind, version }
}

const cache = new Map<string, MediaType>()

/** Throws NotAcceptable. `allowed` says which transforms this endpoint can do. */
export const negotiate = (accept: string | undefined, allowed: readonly Transform[]): MediaType => {
  if (accept === undefined || accept === '' || accept === '*/*' || accept === 'application/json') return jsonMediaType
  const cacheKey = `${allowed.length}:${allowed[0] ?? ''}:${accept}`
  const known = cache.get(cacheKey)
  if (known !== undefined) return known
  for (const clause of parseAccept(accept)) {
    const format = formats[clause.type]
    if (format === undefined) continue
    const as = transformOf(clause.params, allowed)
    if (as === 'refused') continue
    const mediaType: MediaType = as === undefined ? { format } : { format, as }
    if (cache.size < 500) cache.set(cacheKey, mediaType)
    return mediaType
  }
  throw notAcceptable(acceptedMediaTypes)
}

/** `?pretty=true`, or a browser or curl that did not say otherwise. */
export const wantsPretty = (query: URLSearchParams, userAgent: string | undefined): boolean => {
  const asked = query.get('pretty')
  if (asked !== null && asked !== '') return asked === 'true' || asked === '1'
  return userAgent !== undefined && /^(curl|Wget|Mozilla\/5\.0)/.test(userAgent)
}
