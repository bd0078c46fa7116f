/**
 * Keeps a certificate that the cluster signs: asks for the first one, and for the next before it ends, while the
 * process goes on. Upstream: client-go/util/certificate/certificate_manager.go
 */
import { deadline } from '../../component-base/async/deadline.ts'
import { Backoff } from '../../component-base/backoff.ts'
import { type Clock, realClock, sleep } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import {
  createCertificateRequest,
  generateEcKey,
  type RequestedSubject,
} from '../../component-base/pki/certificate-request.ts'
import { jitter } from '../../component-base/random.ts'
import type { RestClient } from '../rest/rest-client.ts'
import type { CertificateStore, StoredCertificate } from './certificate-store.ts'
import { requestCertificate, waitForCertificate } from './signing-request.ts'

export interface CertificateManagerOptions {
  readonly store: CertificateStore
  readonly signerName: string
  readonly usages: readonly string[]
  readonly subject: RequestedSubject
  /** Who asks; it is told whether there is a certificate that is valid now. */
  readonly client: (hasCertificate: boolean) => RestClient
  /** A certificate came into use, with the time in seconds that the one before it had lived. */
  readonly onRotated?: (certificate: StoredCertificate, livedSeconds: number | undefined) => void
  readonly onFailure?: () => void
  readonly log: Logger
  readonly clock?: Clock
}

export interface CertificateManager {
  /** The certificate in use; undefined where there is none yet, or it has ended. */
  readonly current: () => StoredCertificate | undefined
  /** Seconds until the certificate ends, negative after that; infinite without one. */
  readonly ttlSeconds: () => number
  /** Works until the signal aborts. */
  readonly run: (signal: AbortSignal) => Promise<void>
  /** Asks for another certificate now, however long this one lives. */
  readonly rotate: () => void
}

/** How long one request waits for its approval. */
const waitForApprovalMs = 15 * 60_000
const retry = { initialMs: 2_000, maxMs: 32_000 } as const

/** 70 to 90 % of its life, by chance: many nodes that were made together do not ask together. */
export const rotationDeadlineMs = ({ leaf }: StoredCertificate): number => {
  const from = leaf.validFromDate.getTime()
  const lifetime = leaf.validToDate.getTime() - from
  return from + jitter(lifetime, 0.2) - lifetime * 0.3
}

/** Whether the certificate says what is asked for; what it says beyond that is no reason for another. */
export const satisfies = ({ leaf }: StoredCertificate, wanted: RequestedSubject): boolean => {
  const subject = leaf.subject.split('\n')
  const names = (leaf.subjectAltName ?? '').split(', ')
  return (
    subject.includes(`CN=${wanted.commonName}`) &&
    wanted.organizations.every((organization) => subject.includes(`O=${organization}`)) &&
    (wanted.dnsNames ?? []).every((name) => names.includes(`DNS:${name}`)) &&
    (wanted.ips ?? []).every((ip) => leaf.checkIP(ip) !== undefined)
  )
}

export const createCertificateManager = (options: CertificateManagerOptions): CertificateManager => {
  const { store, signerName, usages, subject, log, clock = realClock } = options
  const valid = (pair: StoredCertificate): boolean => pair.leaf.validToDate.getTime() > clock.now()
  let certificate = store.current()
  let wake = new AbortController()

  const current = (): StoredCertificate | undefined =>
    certificate !== undefined && valid(certificate) ? certificate : undefined

  const rotate = async (outer: AbortSignal): Promise<void> => {
    const keyPem = await generateEcKey()
    const client = options.client(current() !== undefined)
    const requestPem = createCertificateRequest(keyPem, subject)
    const request = await requestCertificate(client, { requestPem, signerName, usages })
    using limit = deadline(waitForApprovalMs, outer, clock)
    const certPem = await waitForCertificate(client, request, limit.signal)
    const old = certificate
    certificate = store.update(certPem, keyPem)
    const livedSeconds = old === undefined ? undefined : (clock.now() - old.leaf.validFromDate.getTime()) / 1000
    log.info({ signerName, notAfter: certificate.leaf.validToDate.toISOString() }, 'certificate rotated')
    options.onRotated?.(certificate, livedSeconds)
  }

  const rotateForever = async (signal: AbortSignal): Promise<void> => {
    const backoff = new Backoff(retry)
    for (;;) {
      try {
        return await rotate(signal)
      } catch (error) {
        signal.throwIfAborted()
        options.onFailure?.()
        const delayMs = backoff.next()
        log.warn({ err: error, signerName, delayMs }, 'no new certificate yet')
        await sleep(delayMs, signal, clock)
      }
    }
  }

  const sleepUntilWoken = async (ms: number, signal: AbortSignal): Promise<void> => {
    wake = new AbortController()
    const onAbort = (): void => wake.abort()
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      await sleepLong(ms, wake.signal, clock)
    } catch {
      signal.throwIfAborted()
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  const run = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      const present = current()
      if (present !== undefined && satisfies(present, subject)) {
        // Never in a tight loop, however short the lives of certificates are.
        const waitMs = Math.max(1_000, rotationDeadlineMs(present) - clock.now())
        log.debug({ signerName, waitMs }, 'waiting for the next rotation')
        await sleepUntilWoken(waitMs, signal)
      }
      await rotateForever(signal)
    }
  }

  return {
    current,
    ttlSeconds: () =>
      certificate === undefined
        ? Number.POSITIVE_INFINITY
        : (certificate.leaf.validToDate.getTime() - clock.now()) / 1000,
    rotate: () => wake.abort(),
    run: (signal) =>
      run(signal).catch((error: unknown) => {
        if (!signal.aborted) throw error
      }),
  }
}

/** A timer holds no more than 24 days, and stands still while the machine sleeps: looked at every hour. */
const maxSleepMs = 3_600_000

const sleepLong = async (ms: number, signal: AbortSignal, clock: Clock): Promise<void> => {
  const end = clock.now() + ms
  for (let left = ms; left > 0; left = end - clock.now()) await sleep(Math.min(left, maxSleepMs), signal, clock)
}
