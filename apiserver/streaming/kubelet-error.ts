/** What a kubelet refuses in plain text, as a Status. Upstream: GenericHttpResponseChecker, NewGenericServerResponse. */
import { badRequest, StatusError, type StatusReason } from '../../api/meta/status-error.ts'

/** Reason and message by code; an empty message is the kubelet's own. */
const answers: Readonly<Record<number, readonly [StatusReason, string]>> = {
  401: ['Unauthorized', 'the server has asked for the client to provide credentials'],
  403: ['Forbidden', ''],
  404: ['NotFound', 'the server could not find the requested resource'],
  405: ['MethodNotAllowed', 'the server does not allow this method on the requested resource'],
  406: ['NotAcceptable', ''],
  409: ['Conflict', 'the server reported a conflict'],
  415: ['UnsupportedMediaType', ''],
  422: ['Invalid', 'the server rejected our request due to an error in our request'],
  429: ['TooManyRequests', 'the server has received too many requests and has asked us to try again later'],
  503: ['ServiceUnavailable', 'the server is currently unable to handle the request'],
  504: [
    'Timeout',
    'the server was unable to return a response in the time allotted, but may still be processing the request',
  ],
}

const unknown = (code: number, text: string): readonly [StatusReason | '', string] =>
  code > 500
    ? ['InternalError', `an error on the server (${JSON.stringify(text)}) has prevented the request from succeeding`]
    : ['', `the server responded with the status code ${code} but did not return more information`]

/** `resource` is `pods/log`, `name` the Pod's. */
export const kubeletError = (code: number, text: string, resource: string, name: string): StatusError => {
  if (code === 400) return badRequest(text)
  if (code === 500) {
    const details = { causes: [{ message: text }] }
    return new StatusError('InternalError', `Internal error occurred: ${text}`, { details })
  }
  const [reason, message] = answers[code] ?? unknown(code, text)
  // The blank before the resource is upstream's: there is no verb.
  return new StatusError(reason, `${message === '' ? text : message} ( ${resource} ${name})`, {
    code,
    details: { name, kind: resource },
  })
}
