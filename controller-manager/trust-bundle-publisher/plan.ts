/** What the bundles of a signer should be: one, named by what is in it. */
import { createHash } from 'node:crypto'
import { bundleNamePrefix } from '../../api/certificates/signer-name.ts'
import type { ClusterTrustBundle } from '../../api/types.ts'

export interface BundlePlan {
  /** The bundle to be. */
  readonly name: string
  readonly write:
    | { readonly type: 'none' }
    | { readonly type: 'create' }
    | { readonly type: 'update'; readonly current: ClusterTrustBundle }
  /** Names of bundles that were published before. */
  readonly remove: readonly string[]
}

/** `kubernetes.io:kube-apiserver-serving:` and half a digest of the PEM text. */
export const bundleName = (signerName: string, pem: string): string =>
  `${bundleNamePrefix(signerName)}${createHash('sha256').update(pem).digest('hex').slice(0, 24)}`

/** `existing` are all bundles of that signer. */
export const planBundles = (signerName: string, pem: string, existing: readonly ClusterTrustBundle[]): BundlePlan => {
  const name = bundleName(signerName, pem)
  const current = existing.find(({ metadata }) => metadata?.name === name)
  return {
    name,
    write:
      current === undefined
        ? { type: 'create' }
        : current.spec.trustBundle === pem
          ? { type: 'none' }
          : { type: 'update', current },
    remove: existing.flatMap(({ metadata }) => (metadata?.name === name ? [] : [metadata?.name ?? ''])),
  }
}
