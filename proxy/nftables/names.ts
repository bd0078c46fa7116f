/** Names of what kube-proxy keeps in its nftables tables: upstream's, so that its tools and users find their way. */
import { createHash } from 'node:crypto'
import { familyWords, type IpFamily } from '../family.ts'

/** `ip kube-proxy` or `ip6 kube-proxy`. */
export const tableOf = (family: IpFamily): string => `${familyWords[family].ip} kube-proxy`

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** The first eight characters of a SHA-256 in base32: 40 bits. */
const shortHash = (text: string): string => {
  const bits = BigInt(`0x${createHash('sha256').update(text).digest('hex').slice(0, 10)}`)
  return Array.from({ length: 8 }, (_, index) => alphabet[Number((bits >> BigInt(35 - index * 5)) & 31n)]).join('')
}

/** The kernel takes 256 bytes with the final zero, of which upstream keeps 16 for the prefix. */
const maxLength = 240

const hashed = (name: string): string => {
  const whole = `${shortHash(name)}-${name}`
  return whole.length > maxLength ? `${whole.slice(0, maxLength - 3)}...` : whole
}

interface PortName {
  /** `namespace/name`. */
  readonly service: string
  readonly protocol: string
  readonly portName: string
}

/** What the chains of a Service's port have in common: `HASH-namespace/name/tcp/http`. */
export const servicePortName = ({ service, protocol, portName }: PortName): string =>
  hashed(`${service}/${protocol}/${portName}`)

/** Of an endpoint of a port. Chains cannot have colons. */
export const endpointName = ({ service, protocol, portName }: PortName, ip: string, port: number): string =>
  hashed(`${service}/${protocol}/${portName}__${ip.replaceAll(':', '.')}/${port}`)

/** Chains of Services have a slash, those that stand always have none. */
export const isServiceChain = (chain: string): boolean => chain.includes('/')

export const isAffinitySet = (set: string): boolean => set.startsWith('affinity-')
