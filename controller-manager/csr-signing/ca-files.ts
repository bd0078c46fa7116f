/** Which CA signs for which signer: one for all of them, or one for each. Upstream: startCSRSigningController. */
import { UsageError } from '../../component-base/process/run.ts'
import { clientSigner, kubeletClientSigner, kubeletServingSigner, legacySigner } from './signers.ts'

export interface CaFiles {
  readonly certFile: string
  readonly keyFile: string
}

/** The part of the flags' names that stands for a signer. */
const flagOfSigner = {
  [clientSigner]: 'kube-apiserver-client',
  [kubeletClientSigner]: 'kubelet-client',
  [kubeletServingSigner]: 'kubelet-serving',
  [legacySigner]: 'legacy-unknown',
} as const

type SignerFlag = (typeof flagOfSigner)[keyof typeof flagOfSigner]
export type SigningFlags = Readonly<
  Record<
    'cluster-signing-cert-file' | 'cluster-signing-key-file' | `cluster-signing-${SignerFlag}-${'cert' | 'key'}-file`,
    string
  >
>

/** By signer; a signer without both files does not sign. Throws UsageError where flags for one and for all are mixed. */
export const caFilesBySigner = (flags: SigningFlags): ReadonlyMap<string, CaFiles> => {
  const common = { certFile: flags['cluster-signing-cert-file'], keyFile: flags['cluster-signing-key-file'] }
  const hasCommon = common.certFile !== '' || common.keyFile !== ''
  const files = new Map<string, CaFiles>()
  for (const [signer, flag] of Object.entries(flagOfSigner)) {
    const own = {
      certFile: flags[`cluster-signing-${flag}-cert-file`],
      keyFile: flags[`cluster-signing-${flag}-key-file`],
    }
    if (hasCommon && (own.certFile !== '' || own.keyFile !== '')) {
      throw new UsageError(
        'cannot specify --cluster-signing-{cert,key}-file and other --cluster-signing-*-file flags at the same time',
      )
    }
    const used = hasCommon ? common : own
    if (used.certFile !== '' && used.keyFile !== '') files.set(signer, used)
  }
  return files
}
