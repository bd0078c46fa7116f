/**
 * Which capabilities the engine can give. In some virtual machines and nested containers the bounding set lacks one
 * (SYS_RESOURCE, for instance), and Docker's `Privileged`, which asks for all of them, fails to start. There a
 * privileged container gets all but those.
 */
import { readFile } from 'node:fs/promises'

const names = [
  'CHOWN',
  'DAC_OVERRIDE',
  'DAC_READ_SEARCH',
  'FOWNER',
  'FSETID',
  'KILL',
  'SETGID',
  'SETUID',
  'SETPCAP',
  'LINUX_IMMUTABLE',
  'NET_BIND_SERVICE',
  'NET_BROADCAST',
  'NET_ADMIN',
  'NET_RAW',
  'IPC_LOCK',
  'IPC_OWNER',
  'SYS_MODULE',
  'SYS_RAWIO',
  'SYS_CHROOT',
  'SYS_PTRACE',
  'SYS_PACCT',
  'SYS_ADMIN',
  'SYS_BOOT',
  'SYS_NICE',
  'SYS_RESOURCE',
  'SYS_TIME',
  'SYS_TTY_CONFIG',
  'MKNOD',
  'LEASE',
  'AUDIT_WRITE',
  'AUDIT_CONTROL',
  'SETFCAP',
  'MAC_OVERRIDE',
  'MAC_ADMIN',
  'SYSLOG',
  'WAKE_ALARM',
  'BLOCK_SUSPEND',
  'AUDIT_READ',
] as const

/** Names of the bits that are not set in a CapBnd line's number. Later capabilities are unknown to older engines. */
const missingCapabilities = (mask: bigint): string[] =>
  names.filter((_name, bit) => (mask & (1n << BigInt(bit))) === 0n)

/**
 * Capabilities that nobody here can have. The first process stands for the engine: a kubelet in a container of its own
 * may have fewer than what it asks for.
 */
export const unavailableCapabilities = async (): Promise<readonly string[]> => {
  const status = await readFile('/proc/1/status', 'utf8').catch(() => '')
  const hex = /^CapBnd:\s*([0-9a-f]+)$/m.exec(status)?.[1]
  return hex === undefined ? [] : missingCapabilities(BigInt(`0x${hex}`))
}
