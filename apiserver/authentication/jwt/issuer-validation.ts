/** Whether an issuer is one that can be asked. Upstream: validateIssuer */
import { duplicate, type FieldError, invalid, required } from '../../../api/meta/field-error.ts'

const trimmed = (url: string): string => url.replace(/\/+$/, '')

const urlErrors = (text: string, disallowed: readonly string[], path: string): FieldError[] => {
  const errors: FieldError[] = []
  if (disallowed.includes(text)) {
    const list = disallowed.toSorted().join(' ')
    errors.push(invalid(path, text, `URL must not overlap with disallowed issuers: [${list}]`))
  }
  if (!/^[a-z][a-z\d+.-]*:/i.test(text)) return [...errors, invalid(path, text, 'URL scheme must be https')]
  let url: URL
  try {
    url = new URL(text)
  } catch (error) {
    return [...errors, invalid(path, text, `parse ${JSON.stringify(text)}: ${(error as Error).message}`)]
  }
  if (url.protocol !== 'https:') errors.push(invalid(path, text, 'URL scheme must be https'))
  if (url.username !== '' || url.password !== '') {
    errors.push(invalid(path, text, 'URL must not contain a username or password'))
  }
  if (url.search !== '') errors.push(invalid(path, text, 'URL must not contain a query'))
  if (url.hash !== '') errors.push(invalid(path, text, 'URL must not contain a fragment'))
  return errors
}

export interface IssuerUrls {
  readonly url: string
  readonly discoveryURL: string
  /** The API server's own issuers. */
  readonly disallowed: readonly string[]
}

export const issuerUrlErrors = ({ url, discoveryURL, disallowed }: IssuerUrls, path: string): FieldError[] => {
  const errors = url === '' ? [required(`${path}.url`)] : urlErrors(url, disallowed, `${path}.url`)
  if (discoveryURL === '') return errors
  if (url !== '' && trimmed(url) === trimmed(discoveryURL)) {
    errors.push(invalid(`${path}.discoveryURL`, discoveryURL, 'discoveryURL must be different from URL'))
  }
  return [...errors, ...urlErrors(discoveryURL, [], `${path}.discoveryURL`)]
}

export const audienceErrors = (audiences: readonly string[], policy: string, path: string): FieldError[] => {
  const at = `${path}.audiences`
  if (audiences.length === 0) return [required(at, `at least one ${at} is required`)]
  const errors = audiences.flatMap((audience, index): FieldError[] => {
    if (audience === '') return [required(`${at}[${index}]`)]
    return audiences.indexOf(audience) < index ? [duplicate(`${at}[${index}]`, audience)] : []
  })
  if (audiences.length > 1 && policy !== 'MatchAny') {
    const why = 'audienceMatchPolicy must be MatchAny for multiple audiences'
    errors.push(invalid(`${path}.audienceMatchPolicy`, policy, why))
  } else if (policy !== '' && policy !== 'MatchAny') {
    const why = 'audienceMatchPolicy must be empty or MatchAny for single audience'
    errors.push(invalid(`${path}.audienceMatchPolicy`, policy, why))
  }
  return errors
}
