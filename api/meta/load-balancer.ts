/** Where a load balancer is reached: status of Services and Ingresses. Upstream: ValidateLoadBalancerStatus. */
import { absent, oneOf, syntax } from './checks.ts'
import { child, type FieldError, forbiddenField, invalid, required } from './field-error.ts'
import { isDns1123Subdomain, isValidIp } from './names.ts'

interface Point {
  readonly ip?: string
  readonly hostname?: string
  readonly ipMode?: string
}

const path = 'status.loadBalancer.ingress'

const validatePoint = ({ ip = '', hostname = '' }: Point, at: string): FieldError[] => {
  const errors = ip === '' ? [] : syntax(child(at, 'ip'), ip, isValidIp)
  if (hostname === '') return errors
  errors.push(...syntax(child(at, 'hostname'), hostname, isDns1123Subdomain))
  if (isValidIp(hostname).length === 0) {
    errors.push(invalid(child(at, 'hostname'), hostname, 'must be a DNS name, not an IP address'))
  }
  return errors
}

/** Only addresses have a mode, and they must. */
const validateIpMode = ({ ip, ipMode }: Point, at: string): FieldError[] => {
  const field = child(at, 'ipMode')
  if (absent(ip))
    return ipMode === undefined ? [] : [forbiddenField(field, 'may not be specified when `ip` is not set')]
  return ipMode === undefined
    ? [required(field, 'must be specified when `ip` is set')]
    : oneOf(field, ipMode, ['Proxy', 'VIP'])
}

export const validateIngressPoints = (points: readonly Point[] | undefined): FieldError[] =>
  (points ?? []).flatMap((point, index) => validatePoint(point, child(path, index)))

export const validateServicePoints = (points: readonly Point[] | undefined, type: string | undefined): FieldError[] => {
  if (points === undefined || points.length === 0) return []
  if (type !== 'LoadBalancer') return [forbiddenField(path, 'may only be used when `spec.type` is "LoadBalancer"')]
  return points.flatMap((point, index) => [
    ...validatePoint(point, child(path, index)),
    ...validateIpMode(point, child(path, index)),
  ])
}
