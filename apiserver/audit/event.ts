/** audit.k8s.io/v1 Event: what is recorded of a request at one stage of it, and its bytes. */
import type { UserInfo } from '../authentication/user.ts'
import { microTime } from '../../api/meta/time.ts'

/** How much is recorded, from nothing to everything. */
export const levels = ['None', 'Metadata', 'Request', 'RequestResponse'] as const
export type Level = (typeof levels)[number]

export const stages = ['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic'] as const
export type Stage = (typeof stages)[number]

/** The object that a request is about. */
export interface ObjectReference {
  readonly resource?: string | undefined
  readonly namespace?: string | undefined
  readonly name?: string | undefined
  readonly uid?: string | undefined
  readonly apiGroup?: string | undefined
  readonly apiVersion?: string | undefined
  readonly resourceVersion?: string | undefined
  readonly subresource?: string | undefined
}

/** metav1.Status without its type. */
export interface ResponseStatus {
  readonly status?: string | undefined
  readonly message?: string | undefined
  readonly reason?: string | undefined
  readonly details?: object | undefined
  readonly code?: number | undefined
}

export interface AuditEvent {
  readonly level: Level
  readonly auditID: string
  readonly stage: Stage
  readonly requestURI: string
  readonly verb: string
  /** undefined: nobody could be made out. */
  readonly user: UserInfo | undefined
  readonly impersonatedUser?: UserInfo | undefined
  /** The verb of a constrained impersonation, or ''. */
  readonly impersonationConstraint?: string | undefined
  readonly sourceIPs: readonly string[]
  readonly userAgent: string
  readonly objectRef?: ObjectReference | undefined
  readonly responseStatus?: ResponseStatus | undefined
  /** JSON. */
  readonly requestObject?: string | undefined
  /** JSON. */
  readonly responseObject?: string | undefined
  /** Milliseconds since the epoch; fractions are microseconds. */
  readonly requestReceivedMs: number
  readonly stageMs: number
  readonly annotations?: Readonly<Record<string, string>> | undefined
}

export const apiVersion = 'audit.k8s.io/v1'

const orAbsent = (text: string | undefined): string | undefined => (text === '' ? undefined : text)

const userFields = (user: UserInfo | undefined) =>
  user === undefined
    ? {}
    : {
        username: orAbsent(user.name),
        uid: orAbsent(user.uid),
        groups: user.groups.length === 0 ? undefined : user.groups,
        extra: Object.keys(user.extra).length === 0 ? undefined : user.extra,
      }

/** Go writes maps in the order of their keys. */
const sorted = (map: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(map).toSorted(([a], [b]) => (a < b ? -1 : 1)))

const escapes: Readonly<Record<string, string>> = {
  '<': '\\u003c',
  '>': '\\u003e',
  '&': '\\u0026',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
}
const special = /[<>&\u2028\u2029]/g

/** The event as JSON in upstream's order of fields, without a newline. */
export const encodeEvent = (event: AuditEvent): string => {
  const { objectRef: ref, responseStatus, requestObject, responseObject, annotations } = event
  const head = JSON.stringify({
    kind: 'Event',
    apiVersion,
    level: event.level,
    auditID: event.auditID,
    stage: event.stage,
    requestURI: event.requestURI,
    verb: event.verb,
    user: userFields(event.user),
    impersonatedUser: event.impersonatedUser === undefined ? undefined : userFields(event.impersonatedUser),
    authenticationMetadata:
      (event.impersonationConstraint ?? '') === ''
        ? undefined
        : { impersonationConstraint: event.impersonationConstraint },
    sourceIPs: event.sourceIPs.length === 0 ? undefined : event.sourceIPs,
    userAgent: orAbsent(event.userAgent),
    objectRef:
      ref === undefined
        ? undefined
        : {
            resource: orAbsent(ref.resource),
            namespace: orAbsent(ref.namespace),
            name: orAbsent(ref.name),
            uid: orAbsent(ref.uid),
            apiGroup: orAbsent(ref.apiGroup),
            apiVersion: orAbsent(ref.apiVersion),
            resourceVersion: orAbsent(ref.resourceVersion),
            subresource: orAbsent(ref.subresource),
          },
    responseStatus: responseStatus === undefined ? undefined : { metadata: {}, ...responseStatus },
  })
  // Objects are JSON already: parsing them to write them again would be the dearest part of an event.
  const objects =
    (requestObject === undefined ? '' : `,"requestObject":${requestObject}`) +
    (responseObject === undefined ? '' : `,"responseObject":${responseObject}`)
  const times = `,"requestReceivedTimestamp":"${microTime(event.requestReceivedMs)}","stageTimestamp":"${microTime(event.stageMs)}"`
  const tail = annotations === undefined ? '}' : `,"annotations":${JSON.stringify(sorted(annotations))}}`
  const text = `${head.slice(0, -1)}${objects}${times}${tail}`
  // These characters stand inside strings only. Upstream: encoding/json escapes them for HTML's sake.
  return text.replace(special, (character) => escapes[character] ?? character)
}
