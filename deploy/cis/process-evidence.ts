/** What a running process is: its command line, who it is, and where it listens. All from /proc. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** A listening TCP socket; the address in the usual notation. */
export interface Listener {
  readonly address: string
  readonly port: number
}

export interface ProcessEvidence {
  readonly name: string
  readonly pid: number
  readonly uid: number
  /** Flags as they stand on its command line; the last one counts. */
  readonly flags: ReadonlyMap<string, string>
  readonly listeners: () => readonly Listener[]
}

/** Components write their command line anew, as one text: what begins with two dashes is a flag. */
const flagsOf = (commandLine: string): Map<string, string> =>
  new Map(
    commandLine.split(/ (?=--)/).flatMap((arg): [string, string][] => {
      const [, name, , value] = /^--([^=]+)(=(.*))?$/s.exec(arg) ?? []
      return name === undefined ? [] : [[name, value ?? 'true']]
    }),
  )

/** Inodes of a process's sockets. */
const socketInodes = (pid: number): ReadonlySet<string> =>
  new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? []
      } catch {
        return [] // closed meanwhile
      }
    }),
  )

/** The kernel writes addresses as words of the machine's byte order. */
const addressOf = (hex: string): string => {
  const bytes = Buffer.from(hex, 'hex')
  if (bytes.length === 4) return bytes.reverse().join('.')
  const words = Array.from({ length: 4 }, (_, word) => bytes.subarray(4 * word, 4 * word + 4).reverse())
  const whole = Buffer.concat(words)
  if (whole.every((byte) => byte === 0)) return '::'
  const isMapped = whole.subarray(0, 10).every((byte) => byte === 0) && whole.readUInt16BE(10) === 0xffff
  return isMapped ? whole.subarray(12).join('.') : (whole.toString('hex').match(/.{4}/g) ?? []).join(':')
}

const listening = '0A'

const listenersOf = (pid: number): Listener[] => {
  const own = socketInodes(pid)
  return ['tcp', 'tcp6'].flatMap((family) =>
    readFileSync(`/proc/${pid}/net/${family}`, 'utf8')
      .split('\n')
      .slice(1)
      .flatMap((line) => {
        const fields = line.trim().split(/\s+/)
        const [, local = '', , state] = fields
        const [address = '', port = ''] = local.split(':')
        if (state !== listening || !own.has(fields[9] ?? '')) return []
        return [{ address: addressOf(address), port: Number.parseInt(port, 16) }]
      }),
  )
}

/** Throws if there is no such process. */
export const inspectProcess = (name: string, pid: number): ProcessEvidence => {
  const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll(/\0+/g, ' ').trim()
  const uid = /^Uid:\s*\d+\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return {
    name,
    pid,
    uid: Number(uid),
    flags: flagsOf(commandLine),
    listeners: () => listenersOf(pid),
  }
}

/** A list of a flag's values. */
export const listFlag = ({ flags }: ProcessEvidence, name: string): string[] =>
  (flags.get(name) ?? '').split(',').filter((item) => item !== '')

/** Everywhere but on the loopback address. */
export const isOpen = ({ address }: Listener): boolean => !address.startsWith('127.') && address !== '::1'
