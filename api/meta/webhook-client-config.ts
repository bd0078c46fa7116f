/** WebhookClientConfig: a URL, or a Service. Upstream: k8s.io/apiserver/pkg/util/webhook/validation.go */
import { requiredText } from './checks.ts'
import { child, type FieldError, invalid, required } from './field-error.ts'
import { isDns1123Subdomain, isValidPortNum } from './names.ts'

export interface WebhookClientConfig {
  readonly url?: string
  readonly service?: {
    readonly namespace: string
    readonly name: string
    readonly path?: string
    readonly port?: number
  }
}

const urlForm = '; desired format: https://host[/path]'

/** Upstream: k8s.io/apiserver/pkg/util/webhook.ValidateWebhookURL. */
const validateWebhookUrl = (text: string, path: string): FieldError[] => {
  const [, scheme = '', host = ''] = /^(?:([a-z][a-z0-9+.-]*):)?(?:\/\/(?:[^/?#]*@)?([^/?#]*))?/i.exec(text) ?? []
  const errors: FieldError[] = []
  if (scheme.toLowerCase() !== 'https') {
    errors.push(invalid(path, scheme.toLowerCase(), `'https' is the only allowed URL scheme${urlForm}`))
  }
  if (host === '') errors.push(invalid(path, host, `host must be specified${urlForm}`))
  if (!URL.canParse(text)) return errors
  const { username, password, hash, search } = new URL(text)
  if (username !== '' || password !== '') {
    const user = password === '' ? username : `${username}:${password}`
    errors.push(invalid(path, user, 'user information is not permitted in the URL'))
  }
  if (hash.length > 1) errors.push(invalid(path, hash.slice(1), 'fragments are not permitted in the URL'))
  if (search.length > 1) errors.push(invalid(path, search.slice(1), 'query parameters are not permitted in the URL'))
  return errors
}

/** Upstream: the part of ValidateWebhookService that is about the path. */
const validateServicePath = (text: string, path: string): FieldError[] => {
  if (text === '' || text === '/') return []
  if (text === '//') return [invalid(path, text, 'segment[0] may not be empty')]
  const start = text.startsWith('/') ? [] : [invalid(path, text, "must start with a '/'")]
  const segments = text.slice(1).replace(/\/$/, '').split('/')
  return [
    ...start,
    ...segments.flatMap((segment, index) =>
      segment === ''
        ? [invalid(path, text, `segment[${index}] may not be empty`)]
        : isDns1123Subdomain(segment).map((message) => invalid(path, text, `segment[${index}]: ${message}`)),
    ),
  ]
}

/** Where a webhook is: of admission and of the conversion of custom resources. */
export const validateWebhookClientConfig = ({ url, service }: WebhookClientConfig = {}, path: string): FieldError[] => {
  if ((url === undefined) === (service === undefined))
    return [required(path, 'exactly one of url or service is required')]
  if (url !== undefined) {
    return validateWebhookUrl(url, child(path, 'url'))
  }
  const at = child(path, 'service')
  const errors = [
    ...requiredText(child(at, 'name'), service?.name),
    ...requiredText(child(at, 'namespace'), service?.namespace),
    ...isValidPortNum(service?.port ?? 443).map((message) =>
      invalid(child(at, 'port'), service?.port, `port is not valid: ${message}`),
    ),
  ]
  const servicePath = service?.path
  return servicePath === undefined ? errors : [...errors, ...validateServicePath(servicePath, child(at, 'path'))]
}
