/** Whom a client certificate names, in the same way at every door: what one door reads as another name is another user. */
import type { PeerCertificate } from 'node:tls'

type Names = Pick<PeerCertificate, 'subject'>

const asList = (value: string | string[] | undefined): readonly string[] =>
  value === undefined ? [] : typeof value === 'string' ? [value] : value

/** The last of several, as Go takes it; '' for none. */
export const commonNameOf = ({ subject }: Names): string => asList(subject.CN).at(-1) ?? ''

export const organizationsOf = ({ subject }: Names): readonly string[] => asList(subject.O)
