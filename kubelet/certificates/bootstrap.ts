/**
 * TLS bootstrap: a kubelet that has only a token asks the cluster for its client certificate and writes the kubeconfig
 * that names it. Every step is found again after a kill: the key lies on disk until its certificate does, and the
 * request's name is a digest of what it asks for. Upstream: pkg/kubelet/certificate/bootstrap
 */
import { createHash, createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type CertificateStore, createCertificateStore } from '../../client/certificate/certificate-store.ts'
import {
  CertificateRefusedError,
  requestCertificate,
  waitForCertificate,
} from '../../client/certificate/signing-request.ts'
import { createRestClient, type RestClient } from '../../client/rest/rest-client.ts'
import { deadline } from '../../component-base/async/deadline.ts'
import { sleep } from '../../component-base/clock.ts'
import { loadKubeconfig } from '../../component-base/kubeconfig.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import { createCertificateRequest, generateEcKey } from '../../component-base/pki/certificate-request.ts'
import { writeClientKubeconfig } from '../../component-base/pki/kubeconfig.ts'
import { writeFileAtomic } from '../../component-base/pki/store.ts'

export const clientSigner = 'kubernetes.io/kube-apiserver-client-kubelet'
export const clientUsages = ['digital signature', 'key encipherment', 'client auth'] as const
export const clientStorePrefix = 'kubelet-client'
/** Holds the key until its certificate is stored. */
const pendingKeyFile = 'kubelet-client.key.tmp'
/** Upstream: one hour for the approval. */
const patienceMs = 3_600_000
/** A denied request is asked for again under another key only after this time. */
const refusedDelayMs = 60_000

export const nodeSubject = (nodeName: string) =>
  ({ commonName: `system:node:${nodeName}`, organizations: ['system:nodes'] }) as const

/** Whether the kubeconfig names a client certificate that has not ended. */
export const hasValidClientCertificate = (path: string, now: number): boolean => {
  if (!existsSync(path)) return false
  try {
    const cert = loadKubeconfig(path).cert()
    return cert !== undefined && new X509Certificate(cert).validToDate.getTime() > now
  } catch {
    return false // half of it is missing: the token makes it whole
  }
}

/** Stands for all that the request asks for, so that the same question has the same name. Upstream: digestedName */
export const requestName = (keyPem: string, nodeName: string): string => {
  const { commonName, organizations } = nodeSubject(nodeName)
  const hash = createHash('sha512-256')
  const publicKey = createPublicKey(createPrivateKey(keyPem)).export({ type: 'spki', format: 'der' })
  for (const part of [publicKey, commonName, ...organizations, ...clientUsages]) {
    hash.update(Buffer.from(part).toString('base64url')).update('|')
  }
  return `node-csr-${hash.digest('base64url')}`
}

const isKey = (text: string): boolean => {
  try {
    return createPrivateKey(text).type === 'private'
  } catch {
    return false
  }
}

/** The key that waits for its certificate: the one of an earlier life, or a new one. */
const pendingKey = async (store: CertificateStore, path: string): Promise<string> => {
  try {
    const present = store.current()
    if (present !== undefined) return present.keyPem
  } catch {
    // A store that cannot be read has no key either.
  }
  const known = existsSync(path) ? readFileSync(path, 'utf8') : ''
  if (isKey(known)) return known
  const keyPem = await generateEcKey()
  writeFileAtomic(path, keyPem, 0o600)
  return keyPem
}

/** Grows with the time waited: quick while a cluster starts, and no load on one that stays away. */
const delayAfter = (waitedMs: number): number => Math.min(5_000, Math.max(50, waitedMs / 20))

interface Asking {
  readonly client: RestClient
  readonly keyPem: string
  readonly nodeName: string
  readonly log: Logger
  readonly signal: AbortSignal
}

/** Tries until there is a certificate, or it is refused. */
const askForCertificate = async ({ client, keyPem, nodeName, log, signal }: Asking): Promise<string> => {
  const asked = {
    requestPem: createCertificateRequest(keyPem, nodeSubject(nodeName)),
    signerName: clientSigner,
    usages: clientUsages,
    name: requestName(keyPem, nodeName),
  }
  const startedAt = performance.now()
  for (;;) {
    try {
      const request = await requestCertificate(client, asked)
      log.info({ request: request.metadata?.name }, 'waiting for the client certificate to be issued')
      using limit = deadline(patienceMs, signal)
      return await waitForCertificate(client, request, limit.signal)
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof CertificateRefusedError) throw error
      const delayMs = delayAfter(performance.now() - startedAt)
      log.debug({ err: error, delayMs }, 'no client certificate yet')
      if (delayMs >= 1_000) log.warn({ err: error, delayMs }, 'no client certificate yet')
      await sleep(delayMs, signal)
    }
  }
}

export interface BootstrapOptions {
  readonly kubeconfig: string
  readonly bootstrapKubeconfig: string
  readonly certDir: string
  readonly nodeName: string
  readonly log: Logger
  readonly signal: AbortSignal
}

/** Returns when the kubeconfig names a valid client certificate; without one, asks with the bootstrap token for it. */
export const bootstrapClientCertificate = async (options: BootstrapOptions): Promise<void> => {
  const { kubeconfig, bootstrapKubeconfig, certDir, nodeName, log, signal } = options
  if (hasValidClientCertificate(kubeconfig, Date.now())) return
  log.info({ bootstrapKubeconfig }, 'asking for a client certificate with the bootstrap credentials')
  mkdirSync(certDir, { recursive: true, mode: 0o755 })
  const store = createCertificateStore(certDir, clientStorePrefix)
  const keyPath = join(certDir, pendingKeyFile)
  const client = createRestClient(loadKubeconfig(bootstrapKubeconfig), { userAgent: 'kubelet/v1.36.0' })
  try {
    for (;;) {
      const keyPem = await pendingKey(store, keyPath)
      try {
        store.update(await askForCertificate({ client, keyPem, nodeName, log, signal }), keyPem)
        break
      } catch (error) {
        if (!(error instanceof CertificateRefusedError)) throw error
        log.error({ err: error }, 'the client certificate was refused')
        await sleep(refusedDelayMs, signal)
      }
    }
  } finally {
    await client.close()
  }
  rmSync(keyPath, { force: true })
  writeClientKubeconfig(kubeconfig, { from: bootstrapKubeconfig, pemPath: store.currentPath })
}
