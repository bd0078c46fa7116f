/**
 * The Lease by which one API server is known to be alive: named after its host, renewed every ten seconds, and removed
 * by any server an hour after its last renewal. Upstream: pkg/controlplane/apiserver (identity lease), apiserverleasegc.
 */
import { createHash, randomUUID } from 'node:crypto'
import { isReason } from '../../api/meta/status-error.ts'
import { microTime, parseTime } from '../../api/meta/time.ts'
import type { KubeObject, Lease } from '../../api/types.ts'
import { type Clock, sleep } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import { deleteObject } from '../registry/delete.ts'
import type { Resources } from '../registry/resources.ts'
import { ensureLike } from './ensure.ts'

const namespace = 'kube-system'
const identityLabel = 'apiserver.kubernetes.io/identity'
const component = 'kube-apiserver'
const durationSeconds = 3600
const renewMs = 10_000
const collectMs = 3_600_000

const base32 = (bytes: Buffer): string => {
  const alphabet = 'abcdefghijklmnopqrstuvwxyz234567'
  let bits = 0
  let value = 0
  let text = ''
  for (const byte of bytes) {
    value = (value << 8) | byte
    bits += 8
    for (; bits >= 5; bits -= 5) text += alphabet[(value >> (bits - 5)) & 31]
    value &= (1 << bits) - 1
  }
  return bits === 0 ? text : text + alphabet[(value << (5 - bits)) & 31]
}

/** `apiserver-` and a hash of host and component, each with its length before it. */
export const identityOf = (host: string): string => {
  const parts = [host, component].flatMap((text) => {
    const bytes = Buffer.from(text)
    const length = Buffer.alloc(2)
    length.writeUInt16BE(bytes.length)
    return [length, bytes]
  })
  return `apiserver-${base32(createHash('sha256').update(Buffer.concat(parts)).digest().subarray(0, 16))}`
}

const isIdentityLease = ({ metadata }: KubeObject): boolean =>
  metadata?.namespace === namespace && metadata.labels?.[identityLabel] === component

/** True if nobody has renewed it for as long as it says; one that says nothing has no holder. */
export const isExpired = ({ spec }: Lease, nowMs: number): boolean => {
  const renewed = typeof spec?.renewTime === 'string' ? parseTime(spec.renewTime) : undefined
  if (renewed === undefined || typeof spec?.leaseDurationSeconds !== 'number') return true
  return renewed + spec.leaseDurationSeconds * 1000 < nowMs
}

export interface IdentityLeaseOptions {
  readonly resources: Resources
  readonly host: string
  readonly clock: Clock
  readonly log: Logger
}

export interface IdentityLease {
  /** Makes or renews the Lease once. */
  readonly renew: () => Promise<void>
  /** Renews and collects until the signal. */
  readonly run: (signal: AbortSignal) => Promise<void>
}

export const createIdentityLease = ({ resources, host, clock, log }: IdentityLeaseOptions): IdentityLease => {
  const leases = resources.get({ group: 'coordination.k8s.io', version: 'v1', resource: 'leases' })
  const name = identityOf(host)
  const holderIdentity = `${name}_${randomUUID()}`
  const labels = { [identityLabel]: component, 'kubernetes.io/hostname': host }
  const specNow = () => ({
    holderIdentity,
    leaseDurationSeconds: durationSeconds,
    renewTime: microTime(clock.now()),
  })

  const renew = (): Promise<void> => {
    const fresh: Lease = {
      kind: 'Lease',
      apiVersion: 'coordination.k8s.io/v1',
      metadata: { name, namespace, labels },
      spec: specNow(),
    }
    return ensureLike(
      leases,
      fresh,
      (current: Lease) => {
        current.metadata = { ...current.metadata, labels: { ...current.metadata?.labels, ...labels } }
        current.spec = { ...current.spec, ...specNow() }
      },
      component,
    )
  }

  const collect = async (): Promise<void> => {
    const expired = [...leases.store.cache.values()].filter(
      ({ object }) => isIdentityLease(object) && isExpired(object as Lease, clock.now()),
    )
    for (const { object } of expired) {
      const { name: other = '', uid = '', resourceVersion = '' } = object.metadata ?? {}
      // A server that came back meanwhile has made another version of it.
      const options = { preconditions: { uid, resourceVersion } }
      const context = { options, dryRun: false, clock, validating: async (): Promise<void> => {} }
      await deleteObject(leases, { namespace, name: other }, context).catch((error: unknown) => {
        if (!isReason(error, 'NotFound', 'Conflict')) throw error
      })
    }
  }

  const every = async (ms: number, work: () => Promise<void>, signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      await sleep(ms, signal, clock).catch(() => {})
      if (signal.aborted) return
      await work().catch((err: unknown) => log.warn({ err, lease: name }, 'identity lease: trying again'))
    }
  }
  return {
    renew,
    run: async (signal) => {
      await Promise.all([every(renewMs, renew, signal), every(collectMs, collect, signal)])
    },
  }
}
