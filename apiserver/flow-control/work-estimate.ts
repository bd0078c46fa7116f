/**
 * What a request will cost, guessed before it is served: lists by what they load, changes by who is told of them.
 * Pure. Upstream: k8s.io/apiserver/pkg/util/flowcontrol/request
 */
import { queryBool } from '../../api/meta/query-bool.ts'
import type { RequestInfo } from '../server/request-info.ts'
import type { WorkEstimate } from './flow-request.ts'

/** All objects of a resource. */
export interface ResourceStatistics {
  readonly count: number
  readonly averageBytes: number
}

export interface EstimatorOptions {
  /** undefined for a resource that is not known, or not in memory. */
  readonly statisticsOf: (info: RequestInfo) => ResourceStatistics | undefined
  readonly watchesOf: (info: RequestInfo) => number
}

export interface EstimatedRequest {
  readonly info: RequestInfo
  readonly query: URLSearchParams
}

const maxListSeats = 100
const maxMutatingSeats = 10
const bytesPerSeat = 100_000
/** A list out of memory is streamed: it never takes more than this at once. */
const maxCachedListBytes = 1_000_000
const watchesPerSeat = 10
/** What it takes to tell one seat's worth of watches of a change. */
const eventMs = 5

const oneSeat: WorkEstimate = { initialSeats: 1, finalSeats: 0, additionalLatencyMs: 0 }

const integer = /^[+-]?\d{1,18}$/

/** A number of the query; undefined if it is none, and the request so will fail. */
const limitOf = (query: URLSearchParams): number | undefined => {
  for (const name of ['limit', 'timeoutSeconds']) {
    const text = query.get(name) ?? ''
    if (text !== '' && !integer.test(text)) return undefined
  }
  return Number(query.get('limit') ?? 0)
}

/** Upstream: ShouldDelegateList, for a cache that can answer consistent reads. */
const isFromStore = (query: URLSearchParams, limit: number): boolean => {
  const version = query.get('resourceVersion') ?? ''
  switch (query.get('resourceVersionMatch') ?? '') {
    case 'Exact':
      return true
    case 'NotOlderThan':
      return false
    case '':
      return (query.get('continue') ?? '') !== '' || (limit > 0 && version !== '' && version !== '0')
    default:
      return true
  }
}

/** Watches that begin with the state cost what a list costs; those that resume, nothing. */
const isPlainWatch = ({ info, query }: EstimatedRequest): boolean => {
  if (info.verb !== 'watch' || queryBool(query, 'sendInitialEvents')) return false
  const version = query.get('resourceVersion') ?? ''
  return version !== '' && version !== '0'
}

const estimateList = (request: EstimatedRequest, most: number, { statisticsOf }: EstimatorOptions): WorkEstimate => {
  const { info, query } = request
  const limit = limitOf(query)
  if (limit === undefined) return { ...oneSeat, initialSeats: most }
  if (isPlainWatch(request)) return oneSeat
  const statistics = statisticsOf(info)
  if (statistics === undefined) return oneSeat
  const { count, averageBytes } = statistics
  const limited = limit > 0 ? Math.min(limit, count) : count
  const fromCache = info.verb === 'watch' || !isFromStore(query, limit)
  const selects = (query.get('fieldSelector') ?? '') !== '' || (query.get('labelSelector') ?? '') !== ''
  const loaded = info.name !== '' ? 1 : !fromCache && selects ? Math.max(limited, Math.floor(count / 2)) : limited
  const bytes = fromCache ? Math.min(loaded * averageBytes, maxCachedListBytes) : loaded * averageBytes
  const initialSeats = Math.min(Math.max(Math.ceil(bytes / bytesPerSeat), 1), most)
  return initialSeats === 1 ? oneSeat : { ...oneSeat, initialSeats }
}

const estimateChange = (watches: number, most: number): WorkEstimate => {
  if (watches < watchesPerSeat) return oneSeat
  const seats = Math.ceil(watches / watchesPerSeat)
  // The same work on fewer seats takes longer.
  const finalSeats = Math.min(seats, most)
  return { initialSeats: 1, finalSeats, additionalLatencyMs: (seats * eventMs) / finalSeats }
}

const capped = (maxOfLevel: number, most: number): number => (maxOfLevel === 0 ? most : Math.min(maxOfLevel, most))

export interface Estimate {
  readonly work: WorkEstimate
  /** Of a change: how many are told of it. */
  readonly watches: number | undefined
}

const plain: Estimate = { work: oneSeat, watches: undefined }

/** `maxOfLevel`: seats that one request may take in its priority level; 0 if that says nothing. */
export const estimateWork = (request: EstimatedRequest, maxOfLevel: number, options: EstimatorOptions): Estimate => {
  const { info } = request
  switch (info.verb) {
    case 'list':
    case 'watch':
      return { work: estimateList(request, capped(maxOfLevel, maxListSeats), options), watches: undefined }
    case 'create':
    case 'update':
    case 'patch':
    case 'delete': {
      // A token is nothing that anybody watches.
      if (info.resource === 'serviceaccounts' && info.subresource === 'token') return plain
      const watches = options.watchesOf(info)
      return { work: estimateChange(watches, capped(maxOfLevel, maxMutatingSeats)), watches }
    }
    default:
      return plain
  }
}
