import { execFile } from 'node:child_process'
import { isIPv6 } from 'node:net'
import { promisify } from 'node:util'

const execFileAsync = promisify(execFile)

/** Gives this node the cluster DNS address, on the loopback interface, so that its Pods are answered without a hop. */
export const ensureDnsAddress = async (address: string): Promise<void> => {
  const own = isIPv6(address) ? [`${address}/128`, 'dev', 'lo', 'nodad'] : [`${address}/32`, 'dev', 'lo']
  await execFileAsync('ip', ['address', 'replace', ...own])
  await execFileAsync('ip', ['link', 'set', 'lo', 'up'])
}
