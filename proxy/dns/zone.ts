import type { EndpointSlice, Service } from '../../api/types.ts'
import { type DnsRecord, podRecord, type Records, recordsOfService } from './records.ts'

/** What the zone knows of a name. `exists` without records is NODATA, otherwise NXDOMAIN; `foreign` is not ours. */
export type ZoneAnswer =
  | { readonly type: 'records'; readonly records: readonly DnsRecord[] }
  | { readonly type: 'nodata' }
  | { readonly type: 'nxdomain' }
  | { readonly type: 'foreign' }

/** The cluster's names, kept by Service: a change costs what that Service has. */
export class Zone {
  readonly domain: string
  readonly #hasNamespace: (name: string) => boolean
  readonly #byService = new Map<string, Records>()
  /** Records of a name by the Service that they come from (several headless Services may share a Pod's PTR). */
  readonly #names = new Map<string, Map<string, readonly DnsRecord[]>>()
  /** How many names lie below a name that has no records itself (`_tcp.web.default.svc…`). */
  readonly #below = new Map<string, number>()

  constructor(domain: string, hasNamespace: (name: string) => boolean) {
    this.domain = domain.toLowerCase()
    this.#hasNamespace = hasNamespace
  }

  set(key: string, service: Service, slices: readonly EndpointSlice[]): void {
    this.delete(key)
    const records = recordsOfService(service, slices, this.domain)
    this.#byService.set(key, records)
    for (const [name, list] of records) {
      const owners = this.#names.get(name) ?? new Map<string, readonly DnsRecord[]>()
      owners.set(key, list)
      this.#names.set(name, owners)
      this.#countAncestors(name, 1)
    }
  }

  delete(key: string): void {
    for (const name of this.#byService.get(key)?.keys() ?? []) {
      const owners = this.#names.get(name)
      owners?.delete(key)
      if (owners?.size === 0) this.#names.delete(name)
      this.#countAncestors(name, -1)
    }
    this.#byService.delete(key)
  }

  /** Looks up a lower-case name without final dot. */
  lookup(name: string): ZoneAnswer {
    const owners = this.#names.get(name)
    if (owners !== undefined) return { type: 'records', records: [...owners.values()].flat() }
    if (name !== this.domain && !name.endsWith(`.${this.domain}`)) {
      return { type: 'foreign' } // reverse names that we do not have go to the upstream resolver too
    }
    const pod = podRecord(name, this.domain, this.#hasNamespace)
    if (pod !== undefined) return { type: 'records', records: [pod] }
    return this.#isEmptyNonTerminal(name) ? { type: 'nodata' } : { type: 'nxdomain' }
  }

  #isEmptyNonTerminal(name: string): boolean {
    if (name === this.domain || name === `svc.${this.domain}` || name === `pod.${this.domain}`) return true
    const [first = '', ...rest] = name.split('.')
    const parent = rest.join('.')
    if ((parent === `svc.${this.domain}` || parent === `pod.${this.domain}`) && this.#hasNamespace(first)) return true
    return (this.#below.get(name) ?? 0) > 0
  }

  #countAncestors(name: string, change: 1 | -1): void {
    let dot = name.indexOf('.')
    while (dot >= 0) {
      const ancestor = name.slice(dot + 1)
      if (!ancestor.endsWith(this.domain) || ancestor === this.domain) return
      const count = (this.#below.get(ancestor) ?? 0) + change
      if (count === 0) this.#below.delete(ancestor)
      else this.#below.set(ancestor, count)
      dot = name.indexOf('.', dot + 1)
    }
  }
}
