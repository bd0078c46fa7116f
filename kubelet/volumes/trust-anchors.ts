/** The certificates of ClusterTrustBundles as one PEM text: pure. Upstream: pkg/kubelet/clustertrustbundle */
import { createHash } from 'node:crypto'
import { pemBlocks } from '../../api/certificates/pem.ts'
import { matcherFromLabelSelector } from '../../api/meta/labels.ts'
import type { ClusterTrustBundle, PodSpec, Volume } from '../../api/types.ts'
import { VolumeError } from './payload.ts'

export type BundleProjection = NonNullable<
  NonNullable<NonNullable<Volume['projected']>['sources']>[number]['clusterTrustBundle']
>

/** True for Pods whose volumes change with bundles. */
export const projectsTrustBundles = ({ volumes = [] }: PodSpec): boolean =>
  volumes.some(({ projected }) => projected?.sources?.some((source) => source.clusterTrustBundle !== undefined))

const encode = (der: string): string =>
  `-----BEGIN CERTIFICATE-----\n${der.replace(/.{1,64}/g, '$&\n')}-----END CERTIFICATE-----\n`

const digest = (text: string): string => createHash('sha256').update(text).digest('hex')

/**
 * Each certificate once. Their order says nothing, so that nobody comes to depend on it, but is the same for the same
 * certificates: a file that did not change is not written.
 */
export const normalizedAnchors = (bundles: readonly ClusterTrustBundle[]): string => {
  const certificates = new Set(
    bundles.flatMap(({ spec }) => pemBlocks(spec?.trustBundle ?? '').map(({ der }) => der.toString('base64'))),
  )
  return [...certificates]
    .map((der) => ({ der, digest: digest(der) }))
    .toSorted((a, b) => (a.digest < b.digest ? -1 : 1))
    .map(({ der }) => encode(der))
    .join('')
}

/**
 * The bundles that a volume's source asks for, of all that there are. Throws VolumeError where there are none and the
 * source is not optional. Without a label selector nothing is selected, by an empty one everything.
 */
export const selectBundles = (
  { name, signerName, labelSelector, optional = false }: BundleProjection,
  all: readonly ClusterTrustBundle[],
): readonly ClusterTrustBundle[] => {
  if (name !== undefined) {
    const found = all.filter(({ metadata }) => metadata?.name === name)
    if (found.length === 0 && !optional) {
      const why = `clustertrustbundle.certificates.k8s.io ${JSON.stringify(name)} not found`
      throw new VolumeError(`while getting ClusterTrustBundle: ${why}`)
    }
    return found
  }
  const matches = matcherFromLabelSelector(labelSelector)
  const found = all.filter(({ spec, metadata }) => spec?.signerName === signerName && matches(metadata?.labels ?? {}))
  if (found.length === 0 && !optional)
    throw new VolumeError('combination of signerName and labelSelector matched zero ClusterTrustBundles')
  return found
}
