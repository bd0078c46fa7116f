/**
 * Has drivers prepare a Pod's claims before its sandbox, and take them back after its containers. Prepared claims are on
 * disk, in the order *noted, prepared, noted as prepared*: whatever was begun is ended, after any restart.
 * Upstream: pkg/kubelet/cm/dra.
 */
import { readFile } from 'node:fs/promises'
import type { Container, ResourceClaim } from '../../api/types.ts'
import { createInTurn } from '../../component-base/async/in-turn.ts'
import { GrpcError } from '../../component-base/grpc/status.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { BoundPod } from '../pod.ts'
import { replaceFile } from '../replace-file.ts'
import type { DraDrivers } from './drivers.ts'
import type { PreparedDevice } from './messages.ts'
import { cdiDevicesOf, checkClaim, claimNames, driversOf, type PreparedClaim } from './pod-claims.ts'

export interface ClaimManager {
  /** Rejects, and is to be called again, while a claim or its driver is not ready. */
  prepare(pod: BoundPod): Promise<void>
  /** Takes back what no other Pod uses. Rejects while a driver does not answer. */
  unprepare(podUid: string): Promise<void>
  /** Of a container whose Pod is prepared. */
  cdiDevices(pod: BoundPod, container: Container): readonly string[]
}

export interface ClaimManagerDeps {
  /** Upstream's `dra_manager_state`. */
  readonly checkpoint: string
  readonly drivers: Pick<DraDrivers, 'get'>
  /** Undefined when it does not exist. */
  readonly claim: (namespace: string, name: string) => Promise<ResourceClaim | undefined>
  readonly log: Logger
}

const callMs = 45_000

const load = async (path: string, log: Logger): Promise<PreparedClaim[]> => {
  const text = await readFile(path, 'utf8').catch(() => undefined)
  if (text === undefined) return []
  try {
    return JSON.parse(text) as PreparedClaim[]
  } catch (error) {
    log.warn({ err: error, path }, 'the checkpoint of prepared claims is damaged: claims are prepared anew')
    return []
  }
}

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

export const createClaimManager = async (deps: ClaimManagerDeps): Promise<ClaimManager> => {
  const { checkpoint, drivers, log } = deps
  const claims = new Map<string, PreparedClaim>()
  const keyOf = (namespace: string, name: string): string => `${namespace}/${name}`
  for (const claim of await load(checkpoint, log)) claims.set(keyOf(claim.namespace, claim.name), claim)

  /** One Pod after the other: claims are shared. */
  const inTurn = createInTurn()

  const save = (): Promise<void> => replaceFile(checkpoint, JSON.stringify([...claims.values()]))

  /** Notes that the Pod uses the claim. */
  const note = async (pod: BoundPod, name: string): Promise<PreparedClaim> => {
    const { namespace, uid } = pod.metadata
    const object = await deps.claim(namespace, name)
    if (object === undefined)
      throw new Error(`fetch ResourceClaim ${namespace}/${name} referenced by pod ${pod.metadata.name}: not found`)
    checkClaim(pod, object)
    const key = keyOf(namespace, name)
    const known = claims.get(key)
    if (known !== undefined && known.uid !== object.metadata?.uid) {
      throw new Error(`old ResourceClaim with same name ${name} and different UID ${known.uid} still exists`)
    }
    const used = driversOf(object).map((driver) => [driver, known?.drivers[driver] ?? []] as const)
    // A claim whose driver is not here must not be noted: it could not be taken back.
    for (const [driver] of used) drivers.get(driver)
    const claim: PreparedClaim = {
      namespace,
      name,
      uid: object.metadata?.uid ?? '',
      pods: [...new Set([...(known?.pods ?? []), uid])],
      drivers: Object.fromEntries(used),
      prepared: known?.prepared ?? false,
    }
    claims.set(key, claim)
    return claim
  }

  /** Asks every driver once for all claims; `call` gives the error of one claim. */
  const eachDriver = async <Result extends { readonly error: string }>(
    wanted: readonly PreparedClaim[],
    what: string,
    call: (driver: string, batch: readonly PreparedClaim[]) => Promise<ReadonlyMap<string, Result>>,
  ): Promise<ReadonlyMap<string, ReadonlyMap<string, Result>>> => {
    const names = new Set(wanted.flatMap((claim) => Object.keys(claim.drivers)))
    const results = new Map<string, ReadonlyMap<string, Result>>()
    for (const driver of names) {
      const batch = wanted.filter((claim) => driver in claim.drivers)
      const answers = await call(driver, batch).catch((error: unknown) => {
        throw error instanceof GrpcError ? new Error(`${what}: rpc error: ${error.message}`) : error
      })
      for (const { uid, name } of batch) {
        const error = answers.get(uid)?.error ?? ''
        if (error !== '') throw new Error(`${what} failed for ResourceClaim ${name}: ${error}`)
      }
      const skipped = batch.filter(({ uid }) => !answers.has(uid)).length
      if (skipped > 0) throw new Error(`${what} skipped ${skipped} ResourceClaims`)
      results.set(driver, answers)
    }
    return results
  }

  const prepareNow = async (pod: BoundPod): Promise<void> => {
    const noted: PreparedClaim[] = []
    for (const name of claimNames(pod)) noted.push(await note(pod, name))
    await save()
    const wanted = noted.filter(({ prepared }) => !prepared)
    const results = await eachDriver(wanted, 'NodePrepareResources', async (name, batch) => {
      const { channel, methods } = drivers.get(name)
      return (await channel.unary(methods.prepare, { claims: batch }, { timeoutMs: callMs })).claims
    })
    for (const claim of wanted) {
      const prepared = Object.keys(claim.drivers).map((driver): [string, readonly PreparedDevice[]] => [
        driver,
        results.get(driver)?.get(claim.uid)?.devices ?? [],
      ])
      claims.set(keyOf(claim.namespace, claim.name), {
        ...claim,
        drivers: Object.fromEntries(prepared),
        prepared: true,
      })
    }
    if (wanted.length > 0) await save()
  }

  const unprepareNow = async (podUid: string): Promise<void> => {
    const used = [...claims.entries()].filter(([, { pods }]) => pods.includes(podUid))
    if (used.length === 0) return
    const last = used.filter(([, { pods }]) => pods.length === 1).map(([, claim]) => claim)
    await eachDriver(last, 'NodeUnprepareResources', async (name, batch) => {
      const { channel, methods } = drivers.get(name)
      return (await channel.unary(methods.unprepare, { claims: batch }, { timeoutMs: callMs })).claims
    })
    for (const [key, claim] of used) {
      const pods = claim.pods.filter((uid) => uid !== podUid)
      if (pods.length === 0) claims.delete(key)
      else claims.set(key, { ...claim, pods })
    }
    await save()
  }

  return {
    prepare: async (pod) => {
      if (pod.spec.resourceClaims === undefined && pod.status?.extendedResourceClaimStatus === undefined) return
      await inTurn(() => prepareNow(pod)).catch((error: unknown) => {
        throw new Error(`prepare dynamic resources: ${wordsOf(error)}`, { cause: error })
      })
    },
    unprepare: async (podUid) => {
      if (![...claims.values()].some(({ pods }) => pods.includes(podUid))) return
      await inTurn(() => unprepareNow(podUid)).catch((error: unknown) => {
        throw new Error(`unprepare dynamic resources: ${wordsOf(error)}`, { cause: error })
      })
    },
    cdiDevices: (pod, container) =>
      cdiDevicesOf(pod, container, (name) => claims.get(keyOf(pod.metadata.namespace, name))),
  }
}
