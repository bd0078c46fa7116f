/** PodLogOptions: the query of pods/log and of the kubelet's /containerLogs. */
import { badRequest } from '../meta/status-error.ts'
import { type FieldError, forbiddenField, invalid, notSupported } from '../meta/field-error.ts'
import { parseTime } from '../meta/time.ts'
import { queryBool } from '../meta/query-bool.ts'

export interface PodLogOptions {
  /** '' leaves the choice to the server. */
  readonly container: string
  readonly follow: boolean
  readonly previous: boolean
  readonly timestamps: boolean
  readonly sinceSeconds: number | undefined
  /** RFC 3339, as given. */
  readonly sinceTime: string | undefined
  readonly tailLines: number | undefined
  readonly limitBytes: number | undefined
  readonly insecureSkipTLSVerifyBackend: boolean
  readonly stream: string
}

const integer = (query: URLSearchParams, name: string): number | undefined => {
  const text = query.get(name)
  if (text === null || text === '') return undefined
  if (!/^[+-]?\d+$/.test(text)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`)
  return Number(text)
}

/** Throws BadRequest where a number or a time is none. */
export const parsePodLogOptions = (query: URLSearchParams): PodLogOptions => {
  const sinceTime = query.get('sinceTime') ?? ''
  if (sinceTime !== '' && parseTime(sinceTime) === undefined) {
    throw badRequest(`parsing time ${JSON.stringify(sinceTime)} as "2006-01-02T15:04:05Z07:00": cannot parse`)
  }
  return {
    container: query.get('container') ?? '',
    follow: queryBool(query, 'follow'),
    previous: queryBool(query, 'previous'),
    timestamps: queryBool(query, 'timestamps'),
    sinceSeconds: integer(query, 'sinceSeconds'),
    sinceTime: sinceTime === '' ? undefined : sinceTime,
    tailLines: integer(query, 'tailLines'),
    limitBytes: integer(query, 'limitBytes'),
    insecureSkipTLSVerifyBackend: queryBool(query, 'insecureSkipTLSVerifyBackend'),
    stream: query.get('stream') ?? 'All',
  }
}

const streams = ['All', 'Stderr', 'Stdout']

/** Upstream: ValidatePodLogOptions. */
export const validatePodLogOptions = (options: PodLogOptions): readonly FieldError[] => {
  const { tailLines, limitBytes, sinceSeconds, sinceTime, stream } = options
  const errors: FieldError[] = []
  if (tailLines !== undefined && tailLines < 0) {
    errors.push(invalid('tailLines', tailLines, 'must be greater than or equal to 0'))
  }
  if (limitBytes !== undefined && limitBytes < 1) {
    errors.push(invalid('limitBytes', limitBytes, 'must be greater than 0'))
  }
  if (sinceSeconds !== undefined && sinceTime !== undefined) {
    errors.push(forbiddenField('', 'at most one of `sinceTime` or `sinceSeconds` may be specified'))
  } else if (sinceSeconds !== undefined && sinceSeconds < 1) {
    errors.push(invalid('sinceSeconds', sinceSeconds, 'must be greater than 0'))
  }
  if (!streams.includes(stream)) errors.push(notSupported('stream', stream, streams))
  else if (stream !== 'All' && tailLines !== undefined) {
    errors.push(forbiddenField('', '`tailLines` and specific `stream` are mutually exclusive for now'))
  }
  return errors
}
