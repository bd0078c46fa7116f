/** Which sysctls a Pod may set. Upstream: pkg/kubelet/sysctl, k8s.io/component-helpers/node/util/sysctl. */
import { UsageError } from '../../component-base/process/run.ts'
import type { BoundPod } from '../pod.ts'

/** Stay inside the Pod, and need no more than it has. */
const safe = [
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_wmem',
]

type Namespace = 'ipc' | 'net'

/** The namespace that holds a sysctl; undefined where the whole machine has one value. */
const namespaceOf = (name: string): Namespace | undefined => {
  if (name === 'kernel.sem' || /^(kernel\.shm|kernel\.msg|fs\.mqueue\.)/.test(name)) return 'ipc'
  return name.startsWith('net.') ? 'net' : undefined
}

/** Slashes separate where the first separator is one: `net/ipv4/conf/eth0.1/…`. */
export const withDots = (name: string): string => {
  const first = /[./]/.exec(name)?.[0]
  if (first !== '/') return name
  return name.replaceAll(/[./]/g, (separator) => (separator === '/' ? '.' : '/'))
}

const pattern = /^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*([a-z0-9][-_a-z0-9]*)?[a-z0-9*]$/

/** What is wrong with a Pod's sysctls; undefined lets it in. */
export type AdmitSysctls = (pod: BoundPod) => string | undefined

/** `unsafe`: KubeletConfiguration.allowedUnsafeSysctls, names and prefixes that end in `*`. Throws UsageError. */
export const createSysctlAdmission = (unsafe: readonly string[]): AdmitSysctls => {
  const allowed = [...safe, ...unsafe].map((text) => {
    const name = withDots(text)
    const isPrefix = name.endsWith('*')
    if (!pattern.test(text)) throw new UsageError(`sysctl ${JSON.stringify(text)} is no name and no pattern`)
    const start = isPrefix ? name.slice(0, -1) : name
    const namespace = namespaceOf(start)
    if (namespace === undefined) {
      throw new UsageError(`the sysctl${isPrefix ? 's' : ''} ${JSON.stringify(name)} are not known to be namespaced`)
    }
    return { namespace, matches: (given: string) => (isPrefix ? given.startsWith(start) : given === start) }
  })
  return ({ spec }) => {
    const shared: Readonly<Record<Namespace, boolean>> = { ipc: spec.hostIPC === true, net: spec.hostNetwork === true }
    for (const { name } of spec.securityContext?.sysctls ?? []) {
      const given = withDots(name)
      const found = allowed.find(({ matches }) => matches(given))
      if (found === undefined) return `forbidden sysctl: ${JSON.stringify(given)} not allowlisted`
      const { namespace } = found
      if (shared[namespace])
        return `forbidden sysctl: ${JSON.stringify(given)} not allowed with host ${namespace} enabled`
    }
    return undefined
  }
}
