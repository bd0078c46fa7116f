/** Answers to questions about the cluster's names, in the shape that dns-packet encodes. Pure. */
import { AUTHORITATIVE_ANSWER, type Answer, type Packet, type Question } from 'dns-packet'
import type { DnsRecord } from './records.ts'
import type { Zone } from './zone.ts'

/** Seconds for which resolvers may keep an answer, and that a name does not exist. */
const ttl = 5
const soaTtl = 5
/** Version of the DNS specification that the zone follows. */
const schemaVersion = '1.1.0'

export type Rcode = 'NOERROR' | 'FORMERR' | 'SERVFAIL' | 'NXDOMAIN' | 'NOTIMP' | 'REFUSED'
/** Codes as they stand in the header's last four bits. */
export const rcodeNumber = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
} as const satisfies Record<Rcode, number>

export interface Reply {
  readonly rcode: Rcode
  readonly answers: readonly Answer[]
  readonly authorities: readonly Answer[]
  readonly additionals: readonly Answer[]
}

const toAnswer = (name: string, record: DnsRecord): Answer => ({ ...record, name, ttl, class: 'IN' }) as Answer

const soa = (domain: string): Answer => ({
  name: domain,
  type: 'SOA',
  class: 'IN',
  ttl: soaTtl,
  data: {
    mname: `ns.dns.${domain}`,
    rname: `hostmaster.${domain}`,
    serial: 1,
    refresh: 7200,
    retry: 1800,
    expire: 86400,
    minimum: soaTtl,
  },
})

/** A random start of the round robin, so that clients that take the first address spread. */
const rotated = <Item>(items: readonly Item[], random: () => number): Item[] => {
  const start = Math.floor(random() * items.length)
  return [...items.slice(start), ...items.slice(0, start)]
}

const negative = (rcode: Rcode, domain: string): Reply => ({
  rcode,
  answers: [],
  authorities: [soa(domain)],
  additionals: [],
})

/** The answer from the cluster's own names, or undefined if the question is for the upstream resolver. */
export const answerFromZone = (zone: Zone, question: Question, random: () => number): Reply | undefined => {
  const name = question.name.toLowerCase().replace(/\.$/, '')
  if (question.type === 'TXT' && name === `dns-version.${zone.domain}`) {
    const answer: Answer = { name: question.name, type: 'TXT', class: 'IN', ttl, data: schemaVersion }
    return { rcode: 'NOERROR', answers: [answer], authorities: [], additionals: [] }
  }
  const found = zone.lookup(name)
  switch (found.type) {
    case 'foreign':
      return undefined
    case 'nxdomain':
      return negative('NXDOMAIN', zone.domain)
    case 'nodata':
      return negative('NOERROR', zone.domain)
    case 'records': {
      const wanted = found.records.filter(
        ({ type }) => type === question.type || question.type === ('ANY' as string) || type === 'CNAME',
      )
      if (wanted.length === 0) return negative('NOERROR', zone.domain)
      const answers = rotated(wanted, random).map((record) => toAnswer(question.name, record))
      return { rcode: 'NOERROR', answers, authorities: [], additionals: addressesOfTargets(zone, wanted) }
    }
  }
}

/** Addresses of the targets of SRV records, so that a client need not ask again. */
const addressesOfTargets = (zone: Zone, records: readonly DnsRecord[]): Answer[] => {
  const targets = new Set(records.flatMap((record) => (record.type === 'SRV' ? [record.data.target] : [])))
  return [...targets].flatMap((target) => {
    const found = zone.lookup(target.toLowerCase())
    if (found.type !== 'records') return []
    return found.records.filter(({ type }) => type === 'A' || type === 'AAAA').map((record) => toAnswer(target, record))
  })
}

/** A whole response packet for a query. */
export const toPacket = (query: Packet, reply: Reply, authoritative: boolean): Packet => ({
  type: 'response',
  id: query.id ?? 0,
  // Recursion desired (as asked) and available; dns-packet keeps the rcode in the low bits of the flags.
  flags: ((query.flags ?? 0) & 0x0100) | 0x0080 | (authoritative ? AUTHORITATIVE_ANSWER : 0) | rcodeNumber[reply.rcode],
  questions: query.questions ?? [],
  answers: [...reply.answers],
  authorities: [...reply.authorities],
  additionals: [...reply.additionals],
})
