/** APIServices. Upstream: kube-aggregator/pkg/apis/apiregistration/validation. */
import { absent, syntax } from '../meta/checks.ts'
import { type FieldError, invalid, required } from '../meta/field-error.ts'
import { isDns1035Label, isDns1123Subdomain, isValidPortNum } from '../meta/names.ts'
import type { APIService } from '../types.ts'

const maxGroupPriority = 20_000
const maxVersionPriority = 1000

const validateBackend = ({ spec }: APIService): FieldError[] => {
  const service = spec?.service
  if (service === undefined) {
    const errors: FieldError[] = []
    if (!absent(spec?.caBundle))
      errors.push(
        invalid(
          'spec.caBundle',
          `${Buffer.byteLength(spec?.caBundle ?? '', 'base64')} bytes`,
          'local APIServices may not have a caBundle',
        ),
      )
    if (spec?.insecureSkipTLSVerify === true) {
      errors.push(invalid('spec.insecureSkipTLSVerify', true, 'local APIServices may not have insecureSkipTLSVerify'))
    }
    return errors
  }
  const errors: FieldError[] = []
  if (absent(service.namespace)) errors.push(required('spec.service.namespace'))
  if (absent(service.name)) errors.push(required('spec.service.name'))
  errors.push(
    ...isValidPortNum(service.port ?? 443).map(() =>
      invalid('spec.service.port', service.port, 'port is not valid: must be between 1 and 65535, inclusive'),
    ),
  )
  if (spec?.insecureSkipTLSVerify === true && !absent(spec.caBundle)) {
    errors.push(invalid('spec.insecureSkipTLSVerify', true, 'may not be true if caBundle is present'))
  }
  return errors
}

export const validateAPIService = (apiService: APIService): FieldError[] => {
  const { spec, metadata } = apiService
  const group = spec?.group ?? ''
  const version = spec?.version ?? ''
  const errors: FieldError[] = []
  const wanted = `${version}.${group}`
  if ((metadata?.name ?? '') !== wanted) {
    errors.push(invalid('metadata.name', metadata?.name, `must be \`spec.version+"."+spec.group\`: "${wanted}"`))
  }
  if (group === '' && version !== 'v1') {
    errors.push(required('spec.group', 'only v1 may have an empty group and it better be legacy kube'))
  } else if (group !== '') errors.push(...syntax('spec.group', group, isDns1123Subdomain))
  errors.push(...isDns1035Label(version).map((message) => invalid('spec.version', version, message)))
  const groupPriority = spec?.groupPriorityMinimum ?? 0
  if (groupPriority <= 0 || groupPriority > maxGroupPriority) {
    errors.push(
      invalid('spec.groupPriorityMinimum', groupPriority, `must be positive and less than ${maxGroupPriority}`),
    )
  }
  const versionPriority = spec?.versionPriority ?? 0
  if (versionPriority <= 0 || versionPriority > maxVersionPriority) {
    errors.push(
      invalid('spec.versionPriority', versionPriority, `must be positive and less than ${maxVersionPriority}`),
    )
  }
  return [...errors, ...validateBackend(apiService)]
}
