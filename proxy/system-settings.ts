/** What kube-proxy sets in the kernel for the connections that it redirects. Upstream: app/server_linux.go, conntrack.go. */
import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { parseDuration } from '../component-base/flags/duration.ts'
import type { Logger } from '../component-base/logging/logger.ts'
import type { ProxyConfiguration } from './config/configuration.ts'

const secondsOf = (duration: string): number => Math.ceil((parseDuration(duration) ?? 0) / 1000)

/** Sysctls (below net/netfilter) and the values that they need; what is 0 is left as it is. Pure. */
export const conntrackSysctls = ({ conntrack }: ProxyConfiguration, cores: number): ReadonlyMap<string, number> => {
  const values: [string, number][] = [
    ['nf_conntrack_max', conntrack.maxPerCore === 0 ? 0 : Math.max(conntrack.maxPerCore * cores, conntrack.min)],
    ['nf_conntrack_tcp_timeout_established', secondsOf(conntrack.tcpEstablishedTimeout)],
    ['nf_conntrack_tcp_timeout_close_wait', secondsOf(conntrack.tcpCloseWaitTimeout)],
    ['nf_conntrack_tcp_be_liberal', conntrack.tcpBeLiberal ? 1 : 0],
    ['nf_conntrack_udp_timeout', secondsOf(conntrack.udpTimeout)],
    ['nf_conntrack_udp_timeout_stream', secondsOf(conntrack.udpStreamTimeout)],
  ]
  return new Map(values.filter(([, value]) => value > 0))
}

const write = (path: string, value: string, log: Logger): void => {
  try {
    if (readFileSync(path, 'utf8').trim() !== value) writeFileSync(path, value)
  } catch (err) {
    // Some belong to the machine, not to the network namespace of a node, and stay as the machine has them.
    log.info({ err, path, value }, 'kernel setting not changed')
  }
}

export const applySystemSettings = (config: ProxyConfiguration, log: Logger): void => {
  for (const [name, value] of conntrackSysctls(config, availableParallelism()))
    write(`/proc/sys/net/netfilter/${name}`, String(value), log)
  write('/proc/self/oom_score_adj', String(config.oomScoreAdj), log)
}
