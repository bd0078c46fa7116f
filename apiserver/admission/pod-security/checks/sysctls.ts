/** Baseline: sysctls that are a Pod's own, and harmless. */
import type { Check, CheckPod } from './check.ts'

const v0 = [
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_unprivileged_port_start',
]
const v27 = [...v0, 'net.ipv4.ip_local_reserved_ports']
const v29 = [
  ...v27,
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
]
const v32 = [...v29, 'net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem']

const only =
  (allowed: readonly string[]): CheckPod =>
  ({ spec }) => {
    const forbidden = (spec.securityContext?.sysctls ?? [])
      .map(({ name }) => name)
      .filter((name) => !allowed.includes(name))
    return forbidden.length === 0 ? undefined : { reason: 'forbidden sysctls', detail: forbidden.join(', ') }
  }

export const sysctls: Check = {
  id: 'sysctls',
  level: 'baseline',
  versions: [
    { since: 0, check: only(v0) },
    { since: 27, check: only(v27) },
    { since: 29, check: only(v29) },
    { since: 32, check: only(v32) },
  ],
}
