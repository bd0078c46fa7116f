/**
 * ClusterTrustBundle: certificates that workloads may trust, those of one signer or anybody's. Off by default: it takes
 * `--runtime-config` and a feature gate. Stored as v1beta1; v1alpha1 has the same fields.
 */
import { X509Certificate } from 'node:crypto'
import { defineKind, type KindDeclaration } from '../kind.ts'
import { immutable } from '../meta/checks.ts'
import { type FieldError, invalid, tooLong } from '../meta/field-error.ts'
import { column, nameColumn, textOr } from '../printers/columns.ts'
import type { ClusterTrustBundle, KubeObject } from '../types.ts'
import { pemBlocks } from './pem.ts'
import { isClusterTrustBundleName, validateSignerName } from './signer-name.ts'

const maxBundleBytes = 1024 * 1024

const signerOf = ({ spec }: ClusterTrustBundle): string => spec?.signerName ?? ''

const blockProblem = ({ type, hasHeaders, der }: ReturnType<typeof pemBlocks>[number]): string | undefined => {
  if (type !== 'CERTIFICATE') return `has bad block type: ${type}`
  if (hasHeaders) return 'has PEM block headers'
  try {
    return new X509Certificate(der).ca ? undefined : 'does not have the CA bit set'
  } catch {
    return 'does not parse as X.509'
  }
}

/** All that is wrong with the text of a bundle: it has certificates of CAs, at least one, each once, and nothing else. */
export const validateTrustBundle = (text: string, path: string): FieldError[] => {
  if (Buffer.byteLength(text) > maxBundleBytes) return [tooLong(path, maxBundleBytes)]
  const wrong = (detail: string): FieldError => invalid(path, '<value omitted>', detail)
  const blocks = pemBlocks(text)
  const malformed = blocks.flatMap((block, index) => {
    const problem = blockProblem(block)
    return problem === undefined ? [] : [wrong(`entry ${index} ${problem}`)]
  })
  if (malformed.length > 0) return malformed
  if (blocks.length === 0) return [wrong('at least one trust anchor must be provided')]
  const places = Map.groupBy(blocks.keys(), (index) => blocks[index]?.der.toString('base64') ?? '')
  return [...places.values()].flatMap((indices) =>
    indices.length > 1 ? [wrong(`duplicate trust anchor (indices [${indices.join(' ')}])`)] : [],
  )
}

const bundleErrors = ({ spec }: ClusterTrustBundle): FieldError[] =>
  validateTrustBundle(spec?.trustBundle ?? '', 'spec.trustBundle')

const declaration = (version: string): KindDeclaration<ClusterTrustBundle> => ({
  group: 'certificates.k8s.io',
  version,
  kind: 'ClusterTrustBundle',
  plural: 'clustertrustbundles',
  scope: 'Cluster',
  featureGate: 'ClusterTrustBundle',
  allowUnconditionalUpdate: false,
  validateName: (name, bundle) => isClusterTrustBundleName(name, signerOf(bundle)),
  selectableFields: { 'spec.signerName': signerOf },
  validate: (bundle) => (signerOf(bundle) === '' ? [] : validateSignerName(signerOf(bundle), 'spec.signerName')),
  validateCreate: bundleErrors,
  validateUpdate: (bundle, old) => [
    // What is stored may stay, whatever parsers think of it today.
    ...(bundle.spec?.trustBundle === old.spec?.trustBundle ? [] : bundleErrors(bundle)),
    ...immutable('spec.signerName', signerOf(bundle), signerOf(old)),
  ],
  columns: [
    nameColumn,
    column('SignerName', 'Whose certificates these are.', ({ spec }) => textOr(spec?.signerName, '<none>')),
  ],
})

export const clusterTrustBundleKind = defineKind<ClusterTrustBundle>(declaration('v1beta1'))

const asVersion =
  (version: string) =>
  (object: KubeObject): ClusterTrustBundle =>
    ({ ...object, apiVersion: `certificates.k8s.io/${version}` }) as ClusterTrustBundle

export const clusterTrustBundleV1alpha1Kind = defineKind<ClusterTrustBundle>({
  ...declaration('v1alpha1'),
  storedAs: { kind: clusterTrustBundleKind, toStored: asVersion('v1beta1'), fromStored: asVersion('v1alpha1') },
})
