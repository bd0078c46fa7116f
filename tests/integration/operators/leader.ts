/** Leader election by a Lease, as controller-runtime's: whoever renews it leads, the others wait until it is old. */
import { ApiException, CoordinationV1Api, type KubeConfig, V1MicroTime } from '@kubernetes/client-node'

const namespace = 'default'
const durationSeconds = 2
const retryMs = 250

export interface Leadership {
  readonly leads: () => boolean
  /** Stops; `release` gives the lease back, as an orderly end does. */
  readonly stop: (release: boolean) => Promise<void>
}

const isCode = (error: unknown, code: number): boolean => error instanceof ApiException && error.code === code

export const campaign = (config: KubeConfig, name: string, identity: string): Leadership => {
  const leases = config.makeApiClient(CoordinationV1Api)
  let leads = false
  let stopped = false
  const now = (): V1MicroTime => new V1MicroTime()
  const attempt = async (): Promise<boolean> => {
    const spec = {
      holderIdentity: identity,
      leaseDurationSeconds: durationSeconds,
      acquireTime: now(),
      renewTime: now(),
    }
    let lease: Awaited<ReturnType<typeof leases.readNamespacedLease>>
    try {
      lease = await leases.readNamespacedLease({ namespace, name })
    } catch (error) {
      if (!isCode(error, 404)) throw error
      await leases.createNamespacedLease({ namespace, body: { metadata: { name }, spec } })
      return true
    }
    const { holderIdentity = '', renewTime } = lease.spec ?? {}
    // Typed as a Date, and a string all the same.
    const isOld = Date.now() - Date.parse(String(renewTime)) > durationSeconds * 1000
    if (holderIdentity !== identity && holderIdentity !== '' && !isOld) return false
    lease.spec = Object.assign(lease.spec ?? {}, holderIdentity === identity ? { renewTime: now() } : spec)
    // The resourceVersion that was read decides between two who find it old.
    await leases.replaceNamespacedLease({ namespace, name, body: lease })
    return true
  }
  const running = (async () => {
    while (!stopped) {
      // Who cannot renew does not lead: the API server may be away for longer than the lease lasts.
      leads = await attempt().catch(() => false)
      await new Promise((resolve) => setTimeout(resolve, retryMs))
    }
  })()
  return {
    leads: () => leads && !stopped,
    stop: async (release) => {
      const held = leads
      stopped = true
      await running
      if (!release || !held) return
      const lease = await leases.readNamespacedLease({ namespace, name })
      if (lease.spec !== undefined) lease.spec.holderIdentity = ''
      await leases.replaceNamespacedLease({ namespace, name, body: lease })
    },
  }
}
