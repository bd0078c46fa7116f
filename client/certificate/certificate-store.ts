/**
 * A certificate with its key on disk, as upstream's kubelet keeps it: every pair in a file of its own with its date,
 * `<prefix>-current.pem` a symlink to the one in use. Upstream: client-go/util/certificate/certificate_store.go
 */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { writeFileAtomic } from '../../component-base/pki/store.ts'

export interface StoredCertificate {
  /** The leaf first, then what leads to its CA. */
  readonly certPem: string
  readonly keyPem: string
  readonly leaf: X509Certificate
}

export interface CertificateStore {
  /** Where the certificate and key in use are read from, one file. */
  readonly currentPath: string
  /** undefined where there is none yet; throws if what is there cannot be read. */
  readonly current: () => StoredCertificate | undefined
  /** Keeps the pair and makes it the current one; throws if certificate and key are no pair. */
  readonly update: (certPem: string, keyPem: string) => StoredCertificate
}

const certificateBlocks = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g
const keyBlock = /-----BEGIN (?:EC |RSA )?PRIVATE KEY-----[\s\S]+?-----END (?:EC |RSA )?PRIVATE KEY-----/

/** Throws if the two do not belong together. */
export const parsePair = (certText: string, keyText: string): StoredCertificate => {
  const certs = certText.match(certificateBlocks) ?? []
  const key = keyBlock.exec(keyText)?.[0]
  if (certs[0] === undefined || key === undefined) throw new Error('no certificate with its key')
  const leaf = new X509Certificate(certs[0])
  if (!leaf.checkPrivateKey(createPrivateKey(key))) throw new Error('certificate and key are no pair')
  return { certPem: `${certs.join('\n')}\n`, keyPem: `${key}\n`, leaf }
}

const readIfThere = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** `2026-01-31-23-59-59`, in local time as upstream writes it. */
const stamp = (now: Date): string => {
  const two = (value: number): string => String(value).padStart(2, '0')
  const date = [now.getFullYear(), two(now.getMonth() + 1), two(now.getDate())]
  return [...date, two(now.getHours()), two(now.getMinutes()), two(now.getSeconds())].join('-')
}

/** `given` are files to begin with, where nothing was stored yet. */
export const createCertificateStore = (
  directory: string,
  prefix: string,
  given: { readonly certFile: string; readonly keyFile: string } = { certFile: '', keyFile: '' },
): CertificateStore => {
  const currentPath = join(directory, `${prefix}-current.pem`)
  return {
    currentPath,
    current: () => {
      const text = readIfThere(currentPath)
      if (text !== undefined) return parsePair(text, text)
      if (given.certFile === '') return undefined
      const [cert, key] = [readIfThere(given.certFile), readIfThere(given.keyFile)]
      return cert === undefined || key === undefined ? undefined : parsePair(cert, key)
    },
    update: (certPem, keyPem) => {
      const pair = parsePair(certPem, keyPem)
      mkdirSync(directory, { recursive: true, mode: 0o755 })
      const path = join(directory, `${prefix}-${stamp(new Date())}.pem`)
      writeFileAtomic(path, `${pair.certPem}${pair.keyPem}`, 0o600)
      // Made beside and renamed: there is always a current one.
      const next = join(directory, `${prefix}-updated.pem`)
      rmSync(next, { force: true })
      symlinkSync(path, next)
      renameSync(next, currentPath)
      return pair
    },
  }
}
