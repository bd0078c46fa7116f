/** Probes and life-cycle hooks. Upstream: validateProbe, validateHandler. */
import { absent, nonNegative, requiredOneOf, syntax } from '../../meta/checks.ts'
import { child, type FieldError, forbiddenField, invalid, required } from '../../meta/field-error.ts'
import { isHttpHeaderName, isValidPortName, isValidPortNum } from '../../meta/names.ts'
import type { Container, Probe } from '../../types.ts'

type Handler = Pick<Probe, 'exec' | 'httpGet' | 'tcpSocket' | 'grpc'> & {
  readonly sleep?: { readonly seconds: number }
}

export const validatePortNumOrName = (port: number | string | undefined, path: string): FieldError[] => {
  if (typeof port === 'string') return syntax(path, port, isValidPortName)
  return isValidPortNum(port ?? 0).map((message) => invalid(path, port ?? 0, message))
}

const validateHttpGet = (httpGet: NonNullable<Probe['httpGet']>, path: string): FieldError[] => {
  const errors = absent(httpGet.path) ? [required(child(path, 'path'))] : []
  errors.push(...validatePortNumOrName(httpGet.port, child(path, 'port')))
  errors.push(...requiredOneOf(child(path, 'scheme'), httpGet.scheme, ['HTTP', 'HTTPS']))
  for (const { name } of httpGet.httpHeaders ?? [])
    errors.push(...syntax(child(path, 'httpHeaders'), name, isHttpHeaderName))
  return errors
}

/** `graceSeconds` is how long a hook may sleep. */
const validateHandler = (handler: Handler, path: string, graceSeconds = 0): FieldError[] => {
  const errors: FieldError[] = []
  let count = 0
  const take = (name: string, check: () => readonly FieldError[]): void => {
    if (count++ > 0) errors.push(forbiddenField(child(path, name), 'may not specify more than 1 handler type'))
    else errors.push(...check())
  }
  const { exec, httpGet, tcpSocket, grpc, sleep } = handler
  if (exec !== undefined) {
    take('exec', () => ((exec.command ?? []).length === 0 ? [required(child(path, 'exec', 'command'))] : []))
  }
  if (httpGet !== undefined) take('httpGet', () => validateHttpGet(httpGet, child(path, 'httpGet')))
  if (tcpSocket !== undefined)
    take('tcpSocket', () => validatePortNumOrName(tcpSocket.port, child(path, 'tcpSocket', 'port')))
  if (grpc !== undefined) take('grpc', () => validatePortNumOrName(grpc.port, child(path, 'grpc', 'port')))
  if (sleep !== undefined) {
    take('sleep', () =>
      sleep.seconds < 0 || sleep.seconds > graceSeconds
        ? [
            invalid(
              child(path, 'sleep'),
              sleep.seconds,
              `must be non-negative and less than terminationGracePeriodSeconds (${graceSeconds})`,
            ),
          ]
        : [],
    )
  }
  if (count === 0) errors.push(required(path, 'must specify a handler type'))
  return errors
}

const validateProbe = (probe: Probe | undefined, path: string): FieldError[] => {
  if (probe === undefined) return []
  const errors = validateHandler(probe, path)
  for (const name of [
    'initialDelaySeconds',
    'timeoutSeconds',
    'periodSeconds',
    'successThreshold',
    'failureThreshold',
  ] as const) {
    errors.push(...nonNegative(child(path, name), probe[name]))
  }
  const grace = probe.terminationGracePeriodSeconds
  if (grace !== undefined && grace <= 0) {
    errors.push(invalid(child(path, 'terminationGracePeriodSeconds'), grace, 'must be greater than 0'))
  }
  return errors
}

const mustSucceedOnce = (probe: Probe | undefined, path: string): FieldError[] =>
  probe !== undefined && (probe.successThreshold ?? 1) !== 1
    ? [invalid(child(path, 'successThreshold'), probe.successThreshold, 'must be 1')]
    : []

/** All probes of a container that keeps running. */
export const validateProbes = (container: Container, path: string): FieldError[] => {
  const { livenessProbe, readinessProbe, startupProbe } = container
  const errors = [
    ...validateProbe(livenessProbe, child(path, 'livenessProbe')),
    ...mustSucceedOnce(livenessProbe, child(path, 'livenessProbe')),
    ...validateProbe(readinessProbe, child(path, 'readinessProbe')),
  ]
  if (readinessProbe?.terminationGracePeriodSeconds !== undefined) {
    errors.push(
      invalid(
        child(path, 'readinessProbe', 'terminationGracePeriodSeconds'),
        readinessProbe.terminationGracePeriodSeconds,
        'must not be set for readinessProbes',
      ),
    )
  }
  errors.push(
    ...validateProbe(startupProbe, child(path, 'startupProbe')),
    ...mustSucceedOnce(startupProbe, child(path, 'startupProbe')),
  )
  return errors
}

export const validateLifecycle = (
  lifecycle: Container['lifecycle'],
  path: string,
  graceSeconds: number,
): FieldError[] => {
  if (lifecycle === undefined) return []
  const errors: FieldError[] = []
  if (lifecycle.postStart !== undefined)
    errors.push(...validateHandler(lifecycle.postStart, child(path, 'postStart'), graceSeconds))
  if (lifecycle.preStop !== undefined)
    errors.push(...validateHandler(lifecycle.preStop, child(path, 'preStop'), graceSeconds))
  return errors
}
