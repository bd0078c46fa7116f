/** The certificate of the kubelet's own port: from files, self-signed, or signed by the cluster (serverTLSBootstrap). */
import { existsSync } from 'node:fs'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { type CertificateManager, createCertificateManager } from '../../client/certificate/certificate-manager.ts'
import { createCertificateStore, type StoredCertificate } from '../../client/certificate/certificate-store.ts'
import type { RestClient } from '../../client/rest/rest-client.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import { writeFileAtomic } from '../../component-base/pki/store.ts'
import { selfSignedServingCert } from '../../component-base/tls/self-signed.ts'
import type { KubeletConfig } from '../config/config.ts'
import { nodeSubject } from './bootstrap.ts'
import type { CertificateMetrics } from './metrics.ts'

const servingSigner = 'kubernetes.io/kubelet-serving'
const servingUsages = ['digital signature', 'key encipherment', 'server auth'] as const

/** Files of the serving certificate; a self-signed one is made in --cert-dir where none is given. */
export const servingFiles = async (config: KubeletConfig): Promise<{ certFile: string; keyFile: string }> => {
  if (config.tlsCertFile !== '') return { certFile: config.tlsCertFile, keyFile: config.tlsKeyFile }
  const certFile = join(config.certDir, 'kubelet.crt')
  const keyFile = join(config.certDir, 'kubelet.key')
  if (!existsSync(certFile) || !existsSync(keyFile)) {
    const pair = await selfSignedServingCert([config.nodeName, ...config.nodeIPs])
    writeFileAtomic(keyFile, pair.keyPem, 0o600)
    writeFileAtomic(certFile, pair.certPem)
  }
  return { certFile, keyFile }
}

export interface ServingCertificateOptions {
  readonly config: KubeletConfig
  /** The addresses that the Node reports. */
  readonly addresses: readonly string[]
  readonly client: RestClient
  readonly metrics: CertificateMetrics
  readonly onRotated: (certificate: StoredCertificate) => void
  readonly log: Logger
}

/** Asks the cluster for the serving certificate, which somebody has to approve, and for every next one. */
export const createServingCertificateManager = (options: ServingCertificateOptions): CertificateManager => {
  const { config, addresses, client, metrics, log } = options
  const manager = createCertificateManager({
    store: createCertificateStore(config.certDir, 'kubelet-server', {
      certFile: config.tlsCertFile,
      keyFile: config.tlsKeyFile,
    }),
    signerName: servingSigner,
    usages: servingUsages,
    subject: {
      ...nodeSubject(config.nodeName),
      dnsNames: [config.nodeName, ...addresses.filter((address) => isIP(address) === 0)],
      ips: addresses.filter((address) => isIP(address) !== 0),
    },
    client: () => client,
    onRotated: (certificate, livedSeconds) => {
      if (livedSeconds !== undefined) metrics.serverRotation.observe(livedSeconds)
      options.onRotated(certificate)
    },
    onFailure: () => metrics.serverFailures.inc(),
    log,
  })
  metrics.follow('server', manager)
  return manager
}
