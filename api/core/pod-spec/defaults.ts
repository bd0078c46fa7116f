/** Defaults of Pod specs, wherever they stand: Pods and all templates. Upstream: pkg/apis/core/v1/defaults.go. */
import { formatQuantity, parseQuantity } from '../../meta/quantity.ts'
import type { Container, PodSpec, PodTemplateSpec, Probe } from '../../types.ts'
import { defaultPullPolicy } from './image.ts'
import { setVolumeDefaults } from './volume-defaults.ts'

type ResourceMap = Record<string, string>
type HttpGet = NonNullable<Probe['httpGet']>
type EphemeralContainer = NonNullable<PodSpec['ephemeralContainers']>[number]

const nanosPerMilli = 1_000_000n

/** Amounts finer than a milli are rounded up to one. */
export const roundUpToMilli = (resources: ResourceMap | undefined): void => {
  for (const [name, text] of Object.entries(resources ?? {})) {
    // The decoder has refused what is no quantity; a bad one that came another way is validation's.
    if (!/[nu]$|\.\d{4,}/.test(String(text))) continue
    const quantity = parseQuantity(text)
    const rest = quantity.nanos % nanosPerMilli
    if (rest === 0n || resources === undefined) continue
    const nanos = quantity.nanos - rest + (quantity.nanos > 0n ? nanosPerMilli : 0n)
    resources[name] = formatQuantity({ ...quantity, nanos })
  }
}

const setHttpGetDefaults = (httpGet: HttpGet | undefined): void => {
  if (httpGet === undefined) return
  httpGet.path ||= '/'
  httpGet.scheme ||= 'HTTP'
}

/** Zero counts as absent here, as it does in Go. */
const setProbeDefaults = (probe: Probe | undefined): void => {
  if (probe === undefined) return
  setHttpGetDefaults(probe.httpGet)
  if (probe.grpc !== undefined) probe.grpc.service ??= ''
  probe.timeoutSeconds ||= 1
  probe.periodSeconds ||= 10
  probe.successThreshold ||= 1
  probe.failureThreshold ||= 3
}

const setContainerDefaults = (container: Container | EphemeralContainer): void => {
  container.imagePullPolicy ||= defaultPullPolicy(container.image)
  container.terminationMessagePath ||= '/dev/termination-log'
  container.terminationMessagePolicy ||= 'File'
  container.resources ??= {}
  roundUpToMilli(container.resources.limits)
  roundUpToMilli(container.resources.requests)
  for (const port of container.ports ?? []) port.protocol ||= 'TCP'
  for (const { valueFrom } of container.env ?? []) {
    if (valueFrom?.fieldRef !== undefined) valueFrom.fieldRef.apiVersion ||= 'v1'
    if (valueFrom?.fileKeyRef !== undefined) valueFrom.fileKeyRef.optional ??= false
  }
  setProbeDefaults(container.livenessProbe)
  setProbeDefaults(container.readinessProbe)
  setProbeDefaults(container.startupProbe)
  setHttpGetDefaults(container.lifecycle?.postStart?.httpGet)
  setHttpGetDefaults(container.lifecycle?.preStop?.httpGet)
}

/** With host networking a container port is a host port. */
const setHostPorts = (containers: readonly Container[] | undefined): void => {
  for (const container of containers ?? [])
    for (const port of container.ports ?? []) port.hostPort ||= port.containerPort
}

/** What every Pod spec gets, in place. */
export const setPodSpecDefaults = (spec: PodSpec): void => {
  for (const volume of spec.volumes ?? []) setVolumeDefaults(volume)
  for (const container of spec.initContainers ?? []) setContainerDefaults(container)
  for (const container of spec.containers ?? []) setContainerDefaults(container)
  for (const container of spec.ephemeralContainers ?? []) setContainerDefaults(container)
  roundUpToMilli(spec.overhead)
  spec.dnsPolicy ||= 'ClusterFirst'
  spec.restartPolicy ||= 'Always'
  spec.securityContext ??= {}
  spec.terminationGracePeriodSeconds ??= 30
  spec.schedulerName ||= 'default-scheduler'
  if (spec.hostNetwork === true) {
    setHostPorts(spec.containers)
    setHostPorts(spec.initContainers)
  }
}

/** A template, made if absent so that validation can name what is missing in it. */
export const setPodTemplateDefaults = (holder: { template?: PodTemplateSpec }): PodTemplateSpec => {
  const template = (holder.template ??= {})
  template.metadata ??= {}
  template.spec ??= { containers: [] }
  setPodSpecDefaults(template.spec)
  return template
}
