/** Certificates for an etcd under test: a CA, a server on the loopback address, and clients by name. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ChannelTls } from '../../component-base/grpc/client.ts'
import { createCa, issueCertificate } from '../../component-base/pki/certificates.ts'

/** `server`: clients need no certificate. `mutual`: --client-cert-auth. */
export type EtcdTlsMode = 'server' | 'mutual'

export interface TlsFiles {
  readonly certFile: string
  readonly keyFile: string
  readonly caFile: string
}

export interface EtcdTls {
  readonly mode: EtcdTlsMode
  readonly serverFlags: readonly string[]
  /** A new client certificate whose common name is `user`: its files, and as a gRPC client takes it. */
  readonly issueClient: (user: string) => Promise<{ readonly files: TlsFiles; readonly channel: ChannelTls }>
}

/** Makes the certificates under `directory`. */
export const createEtcdTls = async (directory: string, mode: EtcdTlsMode): Promise<EtcdTls> => {
  mkdirSync(directory, { recursive: true })
  const write = (name: string, pem: string): string => {
    const path = join(directory, name)
    writeFileSync(path, pem, { mode: 0o600 })
    return path
  }
  const ca = await createCa('etcd-test-ca')
  const caFile = write('ca.crt', ca.certPem)
  const server = await issueCertificate(ca, {
    commonName: 'etcd-test',
    dnsNames: ['localhost'],
    ips: ['127.0.0.1'],
    usages: ['server', 'client'],
    days: 1,
  })
  const serverFlags = [
    `--cert-file=${write('server.crt', server.certPem)}`,
    `--key-file=${write('server.key', server.keyPem)}`,
    ...(mode === 'mutual' ? [`--trusted-ca-file=${caFile}`, '--client-cert-auth'] : []),
  ]
  const issueClient: EtcdTls['issueClient'] = async (user) => {
    const { certPem: cert, keyPem: key } = await issueCertificate(ca, { commonName: user, usages: ['client'], days: 1 })
    const files = { certFile: write(`${user}.crt`, cert), keyFile: write(`${user}.key`, key), caFile }
    return { files, channel: { ca: ca.certPem, cert, key } }
  }
  return { mode, serverFlags, issueClient }
}
