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

/** `,"name":"value"`; nothing for an empty text. */
const textField = (name: string, value: string | undefined): string =>
  value === undefined || value === '' ? '' : `,"${name}":${JSON.stringify(value)}`

const valueField = (name: string, value: unknown): string =>
  value === undefined ? '' : `,"${name}":${JSON.stringify(value)}`

/** Of fields that each begin with a comma. */
const objectText = (fields: string): string => `{${fields.slice(1)}}`

const userTexts = new WeakMap<UserInfo, string>()

/** Most requests are of a user who is known already: a connection's, a token's. */
const userText = (user: UserInfo | undefined): string => {
  if (user === undefined) return '{}'
  let text = userTexts.get(user)
  if (text === undefined) {
    text = objectText(
      textField('username', user.name) +
        textField('uid', user.uid) +
        valueField('groups', user.groups.length === 0 ? undefined : user.groups) +
        valueField('extra', Object.keys(user.extra).length === 0 ? undefined : user.extra),
    )
    userTexts.set(user, text)
  }
  return text
}

const referenceText = (ref: ObjectReference): string =>
  objectText(
    textField('resource', ref.resource) +
      textField('namespace', ref.namespace) +
      textField('name', ref.name) +
      textField('uid', ref.uid) +
      textField('apiGroup', ref.apiGroup) +
      textField('apiVersion', ref.apiVersion) +
      textField('resourceVersion', ref.resourceVersion) +
      textField('subresource', ref.subresource),
  )

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
const special = /[<>&\u2028\u2029]/
const specials = /[<>&\u2028\u2029]/g

/** The event as JSON in upstream's order of fields, without a newline. */
export const encodeEvent = (event: AuditEvent): string => {
  const { impersonatedUser, impersonationConstraint = '', sourceIPs, objectRef, responseStatus, annotations } = event
  const text =
    `{"kind":"Event","apiVersion":"${apiVersion}","level":"${event.level}","auditID":${JSON.stringify(event.auditID)}` +
    `,"stage":"${event.stage}","requestURI":${JSON.stringify(event.requestURI)},"verb":${JSON.stringify(event.verb)}` +
    `,"user":${userText(event.user)}` +
    (impersonatedUser === undefined ? '' : `,"impersonatedUser":${userText(impersonatedUser)}`) +
    valueField('authenticationMetadata', impersonationConstraint === '' ? undefined : { impersonationConstraint }) +
    valueField('sourceIPs', sourceIPs.length === 0 ? undefined : sourceIPs) +
    textField('userAgent', event.userAgent) +
    (objectRef === undefined ? '' : `,"objectRef":${referenceText(objectRef)}`) +
    valueField('responseStatus', responseStatus === undefined ? undefined : { metadata: {}, ...responseStatus }) +
    // Objects are JSON already: parsing them to write them again would be the dearest part of an event.
    (event.requestObject === undefined ? '' : `,"requestObject":${event.requestObject}`) +
    (event.responseObject === undefined ? '' : `,"responseObject":${event.responseObject}`) +
    `,"requestReceivedTimestamp":"${microTime(event.requestReceivedMs)}","stageTimestamp":"${microTime(event.stageMs)}"` +
    valueField('annotations', annotations === undefined ? undefined : sorted(annotations)) +
    '}'
  // These characters stand inside strings only. Upstream: encoding/json escapes them for HTML's sake.
  return special.test(text) ? text.replace(specials, (character) => escapes[character] ?? character) : text
}
