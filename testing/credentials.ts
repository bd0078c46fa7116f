/** Who may reach a test environment, and how it shows who it is: one authority, made anew for each environment. */
import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type CertificatePair, createCa, issueCertificate } from '../component-base/pki/certificates.ts'
import { writeKubeconfig } from '../component-base/pki/kubeconfig.ts'

/** A Kubernetes user; who is in `system:masters` may do everything. */
export interface User {
  readonly name: string
  readonly groups?: readonly string[]
}

export interface Credentials {
  readonly ca: CertificatePair
  readonly files: {
    readonly ca: string
    readonly caKey: string
    readonly servingCert: string
    readonly servingKey: string
    /** Signs ServiceAccount tokens. */
    readonly serviceAccountKey: string
    readonly serviceAccountPublicKey: string
  }
  /** Writes a kubeconfig for a user and returns its path. */
  readonly writeUser: (user: User, server: string) => Promise<string>
}

/** As long as envtest's: enough for a long test, too short to be used in earnest. */
const days = 7

/** Everything that the servers need, in `directory`. */
export const createCredentials = async (directory: string): Promise<Credentials> => {
  const file = (name: string): string => join(directory, name)
  const write = (name: string, text: string): string => {
    writeFileSync(file(name), text, { mode: 0o600 })
    return file(name)
  }
  const ca = await createCa('kubets-testing', days)
  const serving = await issueCertificate(ca, {
    commonName: 'kube-apiserver',
    dnsNames: ['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'],
    ips: ['127.0.0.1'],
    usages: ['server'],
    days,
  })
  const signer = generateKeyPairSync('ec', {
    namedCurve: 'prime256v1',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  let users = 0
  return {
    ca,
    files: {
      ca: write('ca.crt', ca.certPem),
      caKey: write('ca.key', ca.keyPem),
      servingCert: write('apiserver.crt', serving.certPem),
      servingKey: write('apiserver.key', serving.keyPem),
      serviceAccountKey: write('sa.key', signer.privateKey),
      serviceAccountPublicKey: write('sa.pub', signer.publicKey),
    },
    writeUser: async ({ name, groups = [] }, server) => {
      const path = file(`user-${++users}.conf`)
      const pair = await issueCertificate(ca, { commonName: name, organizations: groups, usages: ['client'], days })
      writeKubeconfig(path, { cluster: 'kubets-testing', user: name, server, caPem: ca.certPem, ...pair })
      return path
    },
  }
}
