/** Who the kubelet is to the API server: the kubeconfig's certificate, bootstrapped and rotated where that is asked for. */
import { X509Certificate } from 'node:crypto'
import { type CertificateManager, createCertificateManager } from '../../client/certificate/certificate-manager.ts'
import { type CertificateStore, createCertificateStore } from '../../client/certificate/certificate-store.ts'
import { createRestClient, type RestClient } from '../../client/rest/rest-client.ts'
import { type ClientConfig, loadKubeconfig } from '../../component-base/kubeconfig.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import { watchFileContent } from '../../component-base/tls/tls-files.ts'
import type { KubeletConfig } from '../config/config.ts'
import { bootstrapClientCertificate, clientSigner, clientStorePrefix, clientUsages, nodeSubject } from './bootstrap.ts'
import type { CertificateMetrics } from './metrics.ts'

export interface ClientCredentials {
  /** Undefined in a kubelet without an API server. */
  readonly client: RestClient | undefined
  /** Rotates the certificate until the signal aborts. */
  readonly run: (signal: AbortSignal) => Promise<void>
}

/**
 * Asks for new certificates when the cluster gets a new CA, while the old one is still trusted: the first of the client
 * CA file is taken for the one that signs.
 */
export const followAuthority = (
  manager: CertificateManager,
  clientCaFile: string,
  { log, signal }: { readonly log: Logger; readonly signal: AbortSignal },
): void => {
  if (clientCaFile === '') return
  const look = (bundle: Buffer): void => {
    const { leaf } = manager.current() ?? {}
    if (leaf === undefined || leaf.verify(new X509Certificate(bundle).publicKey)) return
    log.info({ file: clientCaFile }, 'the cluster has a new CA: asking for a certificate of it')
    manager.rotate()
  }
  watchFileContent(clientCaFile, look, { log, signal })
}

const userAgent = 'kubelet/v1.36.0'

/** What the kubeconfig says goes into the store first: a certificate handed out by kubeadm, to be rotated at once. */
const adopt = (store: CertificateStore, config: ClientConfig, log: Logger): void => {
  try {
    if (store.current() !== undefined) return
    const [cert, key] = [config.cert(), config.key()]
    if (cert !== undefined && key !== undefined) store.update(cert.toString(), key.toString())
  } catch (err) {
    log.warn({ err }, 'the stored client certificate cannot be used')
  }
}

/** The kubeconfig's way to the API server with the manager's certificate, whichever that is at the moment. */
const rotatingConfig = (config: ClientConfig, manager: CertificateManager): ClientConfig => {
  const pem = (part: 'certPem' | 'keyPem', otherwise: () => Buffer | undefined) => () => {
    const current = manager.current()
    return current === undefined ? otherwise() : Buffer.from(current[part])
  }
  return {
    ...config,
    cert: pem('certPem', config.cert),
    key: pem('keyPem', config.key),
    tlsVersion: () => `${manager.current()?.leaf.fingerprint256 ?? ''} ${config.tlsVersion()}`,
  }
}

/** A way to ask for a new certificate when the own one has ended: the bootstrap token, made use of when it is needed. */
const bootstrapClient = (path: string): (() => RestClient | undefined) => {
  let client: RestClient | undefined
  return () => {
    if (client === undefined && path !== '') client = createRestClient(loadKubeconfig(path), { userAgent })
    return client
  }
}

/** Resolves when there are credentials: with a bootstrap kubeconfig that is once the cluster has signed them. */
export const openClientCredentials = async (
  config: KubeletConfig,
  {
    metrics,
    log,
    signal,
  }: { readonly metrics: CertificateMetrics; readonly log: Logger; readonly signal: AbortSignal },
): Promise<ClientCredentials> => {
  const { kubeconfig, bootstrapKubeconfig, certDir, nodeName } = config
  if (kubeconfig === '') return { client: undefined, run: async () => undefined }
  if (bootstrapKubeconfig !== '') await bootstrapClientCertificate({ ...config, log, signal })
  const fromFile = loadKubeconfig(kubeconfig)
  if (!config.rotateCertificates) {
    return { client: createRestClient(fromFile, { userAgent }), run: async () => undefined }
  }
  const store = createCertificateStore(certDir, clientStorePrefix)
  adopt(store, fromFile, log)
  const lastResort = bootstrapClient(bootstrapKubeconfig)
  const manager: CertificateManager = createCertificateManager({
    store,
    signerName: clientSigner,
    usages: clientUsages,
    subject: nodeSubject(nodeName),
    client: (hasCertificate) => (hasCertificate ? client : (lastResort() ?? client)),
    onFailure: () => metrics.clientFailures.inc(),
    log,
  })
  metrics.follow('client', manager)
  const client = createRestClient(rotatingConfig(fromFile, manager), { userAgent })
  followAuthority(manager, config.clientCaFile, { log, signal })
  return { client, run: manager.run }
}
