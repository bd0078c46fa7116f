/**
 * Nobody from elsewhere reaches what listens on the node's loopback address (CVE-2020-8558). The kernel sees to that
 * until somebody sets route_localnet, as programs that forward ports do: so there is a rule besides.
 * Upstream: KUBE-FIREWALL of syncIPTablesRules, in pkg/kubelet/kubelet_network_linux.go
 */
import { spawn } from 'node:child_process'
import type { Logger } from '../../component-base/logging/logger.ts'

const table = 'ip kubelet-firewall'
const comment = 'block incoming localnet connections'

/** What nft reads: the table as it is to be, whatever was there before. */
export const loopbackRules: readonly string[] = [
  `add table ${table}`,
  `delete table ${table}`,
  `add table ${table}`,
  `add chain ${table} input { type filter hook input priority filter; policy accept; }`,
  // Answers, and what was meant for another address and brought here by this node itself.
  `add rule ${table} input ip daddr 127.0.0.0/8 ct state established,related accept`,
  `add rule ${table} input ip daddr 127.0.0.0/8 ct status dnat accept`,
  `add rule ${table} input ip daddr 127.0.0.0/8 ip saddr != 127.0.0.0/8 drop comment "${comment}"`,
]

const runNft = (script: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const child = spawn('nft', ['-f', '-'], { stdio: ['pipe', 'ignore', 'pipe'] })
    let stderr = ''
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk))
    child.on('error', reject)
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(stderr.trim() || `nft ended with ${code}`))))
    child.stdin.on('error', () => undefined) // nft went away early: its exit code says so
    child.stdin.end(script)
  })

/** Writes the rules into the network namespace of this process; where that is not possible it is told, and no more. */
export const blockLoopback = async (log: Logger): Promise<void> => {
  try {
    await runNft(`${loopbackRules.join('\n')}\n`)
  } catch (err) {
    log.warn({ err }, 'the rules that keep others from the loopback address cannot be written')
  }
}
