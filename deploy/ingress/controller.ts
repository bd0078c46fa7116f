/** Keeps the proxies, and what Ingresses tell of themselves, as Ingresses, Services, endpoints and Secrets want it. */
import { isReason } from '../../api/meta/status-error.ts'
import {
  endpointSlices as slicesRef,
  ingressClasses as classesRef,
  ingresses as ingressesRef,
  services as servicesRef,
} from '../../api/resources.ts'
import type { EndpointSlice, Ingress } from '../../api/types.ts'
import type { InformerFactory } from '../../client/cache/informer.ts'
import { objectKey } from '../../client/cache/store.ts'
import type { EventRecorder } from '../../client/events/event-recorder.ts'
import type { RestClient } from '../../client/rest/rest-client.ts'
import { sleep } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import { planCertificates, secretsOf } from './certificates.ts'
import { ownIngresses } from './class.ts'
import type { Haproxy } from './haproxy.ts'
import { defaultCertificate, haproxyFiles } from './haproxy-config.ts'
import { planRoutes, type Problem } from './routes.ts'
import type { SecretWatch } from './secret-watch.ts'
import { assignAllSlots, type BackendSlots } from './slots.ts'

export interface IngressControllerOptions {
  /** What an IngressClass of ours names. */
  readonly controller: string
  readonly httpPort: number
  readonly httpsPort: number
  /** Chain and key that are shown where no Secret has one. */
  readonly defaultPem: string
  readonly proxies: readonly Haproxy[]
  readonly client: RestClient
  readonly informers: InformerFactory
  readonly events: EventRecorder
  readonly createSecretWatch: (changed: () => void) => SecretWatch
  readonly log: Logger
}

/** Changes that come together are told together. */
const gatherMs = 10
/** A reload costs a process: what else comes waits for a while. */
const reloadPauseMs = 300
const retryMs = 2_000

const sliceIndex = 'service'
const sliceOwner = ({ metadata }: EndpointSlice): string =>
  `${metadata?.namespace}/${metadata?.labels?.['kubernetes.io/service-name'] ?? ''}`

/** The addresses in an Ingress's status, as one text. */
const addressesIn = ({ status }: Ingress): string =>
  (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip ?? hostname ?? '').join(',')

export const runIngressController = async (options: IngressControllerOptions, signal: AbortSignal): Promise<void> => {
  const { controller, proxies, client, informers, events, log } = options
  let wake = Promise.withResolvers<void>()
  const changed = (): void => wake.resolve()
  signal.addEventListener('abort', changed, { once: true })
  const handler = { onAdd: changed, onUpdate: changed, onDelete: changed }

  const ingresses = informers.for(ingressesRef)
  const classes = informers.for(classesRef)
  ingresses.addHandler(handler)
  classes.addHandler(handler)
  const secrets = options.createSecretWatch(changed)

  /** Services and endpoints, which matter once there is an Ingress. */
  const followBackends = async () => {
    const services = informers.for(servicesRef)
    const slices = informers.for(slicesRef, { indexers: { [sliceIndex]: (slice) => [sliceOwner(slice)] } })
    services.addHandler(handler)
    slices.addHandler(handler)
    await Promise.all([services.whenSynced(signal), slices.whenSynced(signal)])
    return { services: services.lister, slices: slices.lister }
  }
  let backends: ReturnType<typeof followBackends> | undefined

  /** What was told of each Ingress: it is told again when it changes. */
  const told = new Map<string, string>()
  const tell = (own: readonly Ingress[], problems: readonly Problem[]): void => {
    const keys = new Set(own.map(objectKey))
    for (const key of told.keys()) if (!keys.has(key)) told.delete(key)
    for (const ingress of own) {
      const key = objectKey(ingress)
      const mine = problems.filter((problem) => objectKey(problem.ingress) === key)
      const text = mine.map(({ message }) => message).join('\n')
      if (told.get(key) === text) continue
      told.set(key, text)
      const subject: Ingress = { ...ingress, apiVersion: 'networking.k8s.io/v1', kind: 'Ingress' }
      for (const { reason, message } of mine) events.event(subject, 'Warning', reason, message)
    }
  }

  const setAddresses = async (ingress: Ingress, addresses: readonly string[]): Promise<void> => {
    if (addressesIn(ingress) === addresses.join(',')) return
    const status = { loadBalancer: { ingress: addresses.map((ip) => ({ ip })) } }
    const { name = '', namespace } = ingress.metadata ?? {}
    try {
      await client.patch(ingressesRef, name, namespace, { status }, { type: 'merge', subresource: 'status' })
    } catch (error) {
      if (!isReason(error, 'NotFound', 'Conflict')) throw error
    }
  }

  /** Whose status is ours: an Ingress that goes to another class is told that it has no address any more. */
  const written = new Set<string>()
  const setStatus = async (own: readonly Ingress[], working: readonly Haproxy[]): Promise<void> => {
    const keys = new Set(own.map(objectKey))
    const addresses = working.map(({ place }) => place.address)
    for (const ingress of own) {
      await setAddresses(ingress, addresses)
      written.add(objectKey(ingress))
    }
    for (const key of [...written].filter((one) => !keys.has(one))) {
      const left = ingresses.lister.get(key)
      if (left !== undefined && proxies.some(({ place }) => addressesIn(left).split(',').includes(place.address)))
        await setAddresses(left, [])
      written.delete(key)
    }
  }

  let slots: BackendSlots = new Map()
  /** True if a proxy was started or reloaded. */
  const sync = async (): Promise<boolean> => {
    const own = ownIngresses(ingresses.lister.list(), classes.lister.list(), controller)
    if (own.length === 0) {
      tell(own, [])
      await secrets.follow(new Set())
      await Promise.all(proxies.map((proxy) => proxy.apply(undefined)))
      await setStatus(own, proxies)
      return false
    }
    const { services, slices } = await (backends ??= followBackends())
    await secrets.follow(secretsOf(own))
    const routing = planRoutes(own, {
      serviceOf: (namespace, name) => services.get(`${namespace}/${name}`),
      slicesOf: (namespace, name) => slices.byIndex(sliceIndex, `${namespace}/${name}`),
    })
    const certificates = planCertificates(own, secrets.get)
    tell(own, [...routing.problems, ...certificates.problems])
    slots = assignAllSlots(slots, routing.backends)
    const { httpPort, httpsPort, defaultPem } = options
    const outcomes = await Promise.allSettled(
      proxies.map((proxy) => {
        const filesWith = (filled: BackendSlots): Map<string, string> => {
          const parts = { certificates: certificates.certificates, slots: filled }
          return haproxyFiles(routing, parts, { ...proxy, httpPort, httpsPort }).set(defaultCertificate, defaultPem)
        }
        return proxy.apply({ filesWith, slots })
      }),
    )
    // A node whose proxy does not run, since somebody else has its ports, has no part in it; the others have.
    const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []))
    await setStatus(
      own,
      proxies.filter((_, index) => outcomes[index]?.status === 'fulfilled'),
    )
    if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join('; '))
    return outcomes.some((outcome) => outcome.status === 'fulfilled' && outcome.value === 'reloaded')
  }

  await Promise.all([ingresses.whenSynced(signal), classes.whenSynced(signal)])
  while (!signal.aborted) {
    try {
      if (await sync()) await sleep(reloadPauseMs, signal)
    } catch (err) {
      if (signal.aborted) return
      log.error({ err }, 'Ingresses not applied; trying again')
      void sleep(retryMs, signal).then(changed, () => undefined)
    }
    await wake.promise
    await sleep(gatherMs, signal).catch(() => undefined)
    wake = Promise.withResolvers<void>()
  }
}
