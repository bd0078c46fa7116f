import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const execFileAsync = promisify(execFile)

/** Gives this node the cluster DNS address, on the loopback interface, so that its Pods are answered without a hop. */
export const ensureDnsAddress = async (address: string): Promise<void> => {
  await execFileAsync('ip', ['address', 'replace', `${address}/32`, 'dev', 'lo'])
  await execFileAsync('ip', ['link', 'set', 'lo', 'up'])
}
