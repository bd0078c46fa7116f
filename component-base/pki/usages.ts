/** What a certificate's key may be used for: the words of certificates.k8s.io, and the extensions that they become. */
import { bitString, derTrue, octets, oid, sequence } from './der.ts'

/** Bits of KeyUsage, the first one of a byte is the highest. */
const keyUsageBits = {
  signing: 0,
  'digital signature': 0,
  'content commitment': 1,
  'key encipherment': 2,
  'data encipherment': 3,
  'key agreement': 4,
  'cert sign': 5,
  'crl sign': 6,
  'encipher only': 7,
  'decipher only': 8,
} as const

/** 1.3.6.1.5.5.7.3: the arc of extended usages. */
const arc = '2b060105050703'

const extendedUsageOids = {
  any: '551d2500',
  'server auth': `${arc}01`,
  'client auth': `${arc}02`,
  'code signing': `${arc}03`,
  'email protection': `${arc}04`,
  's/mime': `${arc}04`,
  'ipsec end system': `${arc}05`,
  'ipsec tunnel': `${arc}06`,
  'ipsec user': `${arc}07`,
  timestamping: `${arc}08`,
  'ocsp signing': `${arc}09`,
  'microsoft sgc': '2b0601040182370a0303',
  'netscape sgc': '6086480186f8420401',
} as const

export type KeyUsage = keyof typeof keyUsageBits | keyof typeof extendedUsageOids

export const isKeyUsage = (usage: string): usage is KeyUsage =>
  Object.hasOwn(keyUsageBits, usage) || Object.hasOwn(extendedUsageOids, usage)

const keyUsageOid = '551d0f'
const extendedKeyUsageOid = '551d25'

/** The extensions KeyUsage (critical) and ExtendedKeyUsage, as far as there are usages of their kind. */
export const encodeUsages = (usages: readonly KeyUsage[]): Buffer[] => {
  let bits = 0
  const extended = new Set<string>()
  for (const usage of usages) {
    if (usage in keyUsageBits) bits |= 0x8000 >> keyUsageBits[usage as keyof typeof keyUsageBits]
    else extended.add(extendedUsageOids[usage as keyof typeof extendedUsageOids])
  }
  const extensions: Buffer[] = []
  if (bits !== 0) {
    const unused = 31 - Math.clz32(bits & -bits)
    const bytes = bits & 0xff ? Buffer.from([bits >> 8, bits & 0xff]) : Buffer.from([bits >> 8])
    extensions.push(sequence(oid(keyUsageOid), derTrue, octets(bitString(bytes, unused % 8))))
  }
  if (extended.size > 0) {
    const oids = sequence(...[...extended].sort().map(oid))
    extensions.push(sequence(oid(extendedKeyUsageOid), octets(oids)))
  }
  return extensions
}
