/** Containers of a Pod spec. Upstream: validateContainers, validateInitContainers. */
import { absent, oneOf, requiredOneOf, requiredSyntax, syntax } from '../../meta/checks.ts'
import { child, duplicate, type FieldError, forbiddenField, invalid, required } from '../../meta/field-error.ts'
import { isDns1123Label, isValidIp, isValidPortName, isValidPortNum } from '../../meta/names.ts'
import { isRestartableInitContainer } from '../../meta/pods.ts'
import type { Container, PodSpec, Volume } from '../../types.ts'
import { validateEnv, validateEnvFrom } from './validate-env.ts'
import { validateLifecycle, validateProbes } from './validate-probes.ts'
import { validateResources } from './validate-resources.ts'
import { validateContainerSecurity } from './validate-security.ts'
import { validateVolumeDevices, validateVolumeMounts } from './validate-volumes.ts'

type ContainerPort = NonNullable<Container['ports']>[number]

const protocols = ['SCTP', 'TCP', 'UDP']
const pullPolicies = ['Always', 'IfNotPresent', 'Never']
const restartPolicies = ['Always', 'Never', 'OnFailure']

export const validateContainerPorts = (ports: readonly ContainerPort[] | undefined, path: string): FieldError[] => {
  const names = new Set<string>()
  return (ports ?? []).flatMap((port, index) => {
    const at = child(path, index)
    const errors: FieldError[] = []
    if (!absent(port.name)) {
      const name = port.name ?? ''
      const problems = syntax(child(at, 'name'), name, isValidPortName)
      errors.push(...problems)
      if (problems.length === 0 && names.has(name)) errors.push(duplicate(child(at, 'name'), name))
      names.add(name)
    }
    if ((port.containerPort ?? 0) === 0) errors.push(required(child(at, 'containerPort')))
    else
      errors.push(
        ...isValidPortNum(port.containerPort).map((m) => invalid(child(at, 'containerPort'), port.containerPort, m)),
      )
    if ((port.hostPort ?? 0) !== 0) {
      errors.push(...isValidPortNum(port.hostPort ?? 0).map((m) => invalid(child(at, 'hostPort'), port.hostPort, m)))
    }
    if (!absent(port.hostIP)) errors.push(...syntax(child(at, 'hostIP'), port.hostIP ?? '', isValidIp))
    errors.push(...requiredOneOf(child(at, 'protocol'), port.protocol, protocols))
    return errors
  })
}

/** Host ports that two containers of one Pod want. */
const validateHostPorts = (containers: readonly Container[], path: string): FieldError[] => {
  const taken = new Set<string>()
  const errors: FieldError[] = []
  for (const [index, container] of containers.entries()) {
    for (const [portIndex, port] of (container.ports ?? []).entries()) {
      if ((port.hostPort ?? 0) === 0) continue
      const claim = `${port.protocol}/${port.hostIP ?? ''}/${port.hostPort}`
      if (taken.has(claim)) errors.push(duplicate(child(path, index, 'ports', portIndex, 'hostPort'), claim))
      taken.add(claim)
    }
  }
  return errors
}

const validateHostNetworkPorts = (containers: readonly Container[], path: string): FieldError[] =>
  containers.flatMap((container, index) =>
    (container.ports ?? []).flatMap((port, portIndex) =>
      port.hostPort === port.containerPort
        ? []
        : [
            invalid(
              child(path, index, 'ports', portIndex, 'containerPort'),
              port.containerPort,
              'must match `hostPort` when `hostNetwork` is true',
            ),
          ],
    ),
  )

const validateResizePolicy = (container: Container, path: string): FieldError[] => {
  const seen = new Set<string>()
  const at = child(path, 'resizePolicy')
  return (container.resizePolicy ?? []).flatMap((policy) => {
    const errors = seen.has(policy.resourceName) ? [duplicate(at, policy.resourceName)] : []
    seen.add(policy.resourceName)
    return [
      ...errors,
      ...requiredOneOf(at, policy.resourceName, ['cpu', 'memory']),
      ...requiredOneOf(at, policy.restartPolicy, ['NotRequired', 'RestartContainer']),
    ]
  })
}

/** What of its Pod a container refers to. */
export interface Surroundings {
  readonly volumes: readonly Volume[]
  readonly claimNames: ReadonlySet<string>
  readonly graceSeconds: number
  /** Root of its containers is root of the node. */
  readonly hostUsers: boolean
  /** For a Pod, not a template: an image may then not have spaces around it. */
  readonly isPod: boolean
}

export const surroundingsOf = (spec: PodSpec, isPod: boolean): Surroundings => ({
  volumes: spec.volumes ?? [],
  claimNames: new Set((spec.resourceClaims ?? []).map(({ name }) => name)),
  graceSeconds: spec.terminationGracePeriodSeconds ?? 30,
  hostUsers: spec.hostUsers !== false,
  isPod,
})

/** What app, init and ephemeral containers have in common. */
export const validateContainer = (container: Container, path: string, around: Surroundings): FieldError[] => {
  const errors = requiredSyntax(child(path, 'name'), container.name, isDns1123Label)
  const image = container.image ?? ''
  if (image === '') errors.push(required(child(path, 'image')))
  else if (around.isPod && image.trim() !== image) {
    errors.push(invalid(child(path, 'image'), image, 'must not have leading or trailing whitespace'))
  }
  errors.push(
    ...requiredOneOf(child(path, 'terminationMessagePolicy'), container.terminationMessagePolicy, [
      'File',
      'FallbackToLogsOnError',
    ]),
    ...validateContainerPorts(container.ports, child(path, 'ports')),
    ...validateEnv(container.env, child(path, 'env'), around.volumes),
    ...validateEnvFrom(container.envFrom, child(path, 'envFrom')),
    ...validateVolumeMounts(container, child(path, 'volumeMounts'), around.volumes),
    ...validateVolumeDevices(container.volumeDevices, child(path, 'volumeDevices'), around.volumes),
    ...requiredOneOf(child(path, 'imagePullPolicy'), container.imagePullPolicy, pullPolicies),
    ...validateResources(container.resources, child(path, 'resources'), around.claimNames),
    ...validateResizePolicy(container, path),
    ...validateContainerSecurity(container.securityContext, child(path, 'securityContext'), around.hostUsers),
  )
  return errors
}

const validateRestartPolicy = (container: Container, path: string): FieldError[] => {
  const errors = oneOf(child(path, 'restartPolicy'), container.restartPolicy, restartPolicies)
  if ((container.restartPolicyRules ?? []).length > 0 && absent(container.restartPolicy)) {
    errors.push(required(child(path, 'restartPolicy'), 'must specify restartPolicy when restart rules are used'))
  }
  return errors
}

export const validateAppContainers = (spec: PodSpec, path: string, around: Surroundings): FieldError[] => {
  const containers = spec.containers ?? []
  if (containers.length === 0) return [required(path)]
  const names = new Set<string>()
  const errors = containers.flatMap((container, index) => {
    const at = child(path, index)
    const own = [
      ...validateContainer(container, at, around),
      ...validateRestartPolicy(container, at),
      ...validateLifecycle(container.lifecycle, child(at, 'lifecycle'), around.graceSeconds),
      ...validateProbes(container, at),
    ]
    if (names.has(container.name)) own.push(duplicate(child(at, 'name'), container.name))
    names.add(container.name)
    return own
  })
  errors.push(...validateHostPorts(containers, path))
  if (spec.hostNetwork === true) errors.push(...validateHostNetworkPorts(containers, path))
  return errors
}

const sidecarOnly = ['livenessProbe', 'readinessProbe', 'startupProbe'] as const

export const validateInitContainers = (spec: PodSpec, path: string, around: Surroundings): FieldError[] => {
  const names = new Set((spec.containers ?? []).map(({ name }) => name))
  return (spec.initContainers ?? []).flatMap((container, index) => {
    const at = child(path, index)
    const errors = [...validateContainer(container, at, around), ...validateRestartPolicy(container, at)]
    if (names.has(container.name)) errors.push(duplicate(child(at, 'name'), container.name))
    names.add(container.name)
    if (isRestartableInitContainer(container)) {
      errors.push(
        ...validateLifecycle(container.lifecycle, child(at, 'lifecycle'), around.graceSeconds),
        ...validateProbes(container, at),
      )
      return errors
    }
    if (container.lifecycle !== undefined) {
      errors.push(
        forbiddenField(child(at, 'lifecycle'), 'may not be set for init containers without restartPolicy=Always'),
      )
    }
    for (const probe of sidecarOnly) {
      if (container[probe] !== undefined) {
        errors.push(forbiddenField(child(at, probe), 'may not be set for init containers without restartPolicy=Always'))
      }
    }
    return errors
  })
}
