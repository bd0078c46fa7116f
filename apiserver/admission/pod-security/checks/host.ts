/** Baseline: nothing of the host's. */
import type { Container } from '../../../../api/types.ts'
import {
  badContainers,
  type Check,
  containersOf,
  containersText,
  distinct,
  plural,
  quoted,
  settersText,
} from './check.ts'

export const hostNamespaces: Check = {
  id: 'hostNamespaces',
  level: 'baseline',
  versions: [
    {
      since: 0,
      check: ({ spec }) => {
        const used = (['hostNetwork', 'hostPID', 'hostIPC'] as const).filter((field) => spec[field] === true)
        if (used.length === 0) return undefined
        return { reason: 'host namespaces', detail: used.map((field) => `${field}=true`).join(', ') }
      },
    },
  ],
}

export const hostPathVolumes: Check = {
  id: 'hostPathVolumes',
  level: 'baseline',
  versions: [
    {
      since: 0,
      check: ({ spec }) => {
        const names = (spec.volumes ?? []).filter(({ hostPath }) => hostPath !== undefined).map(({ name }) => name)
        if (names.length === 0) return undefined
        return { reason: 'hostPath volumes', detail: `${plural(names.length, 'volume')} ${quoted(names)}` }
      },
    },
  ],
}

const hostPortsOf = ({ ports = [] }: Container): string[] =>
  ports.flatMap(({ hostPort }) => (hostPort === undefined || hostPort === 0 ? [] : [String(hostPort)]))

export const hostPorts: Check = {
  id: 'hostPorts',
  level: 'baseline',
  versions: [
    {
      since: 0,
      check: (pod) => {
        const bad = badContainers(pod, (container) => hostPortsOf(container).length > 0)
        if (bad.length === 0) return undefined
        const ports = distinct(containersOf(pod).flatMap(hostPortsOf))
        const uses = plural(bad.length, 'uses', 'use')
        return {
          reason: 'hostPort',
          detail: `${containersText(bad)} ${uses} ${plural(ports.length, 'hostPort')} ${ports.join(', ')}`,
        }
      },
    },
  ],
}

/** Hosts that the kubelet would be made to call for a container. */
const calledHosts = ({ livenessProbe, readinessProbe, startupProbe, lifecycle }: Container): string[] =>
  [livenessProbe, readinessProbe, startupProbe, lifecycle?.postStart, lifecycle?.preStop].flatMap((handler) =>
    [handler?.httpGet?.host ?? '', handler?.tcpSocket?.host ?? ''].filter((host) => host !== ''),
  )

export const hostProbesAndHostLifecycle: Check = {
  id: 'hostProbesAndHostLifecycle',
  level: 'baseline',
  versions: [
    {
      since: 34,
      check: (pod) => {
        const bad = distinct(badContainers(pod, (container) => calledHosts(container).length > 0))
        if (bad.length === 0) return undefined
        const hosts = distinct(containersOf(pod).flatMap(calledHosts))
        const uses = plural(bad.length, 'uses', 'use')
        return {
          reason: 'probe or lifecycle host',
          detail: `${containersText(bad)} ${uses} ${plural(hosts.length, 'probe or lifecycle host')} ${quoted(hosts)}`,
        }
      },
    },
  ],
}

export const windowsHostProcess: Check = {
  id: 'windowsHostProcess',
  level: 'baseline',
  versions: [
    {
      since: 0,
      check: (pod) => {
        const byPod = pod.spec.securityContext?.windowsOptions?.hostProcess === true
        const bad = badContainers(pod, (container) => container.securityContext?.windowsOptions?.hostProcess === true)
        if (!byPod && bad.length === 0) return undefined
        return {
          reason: 'hostProcess',
          detail: `${settersText(byPod, bad)} must not set securityContext.windowsOptions.hostProcess=true`,
        }
      },
    },
  ],
}
