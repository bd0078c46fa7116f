/** What an APIService says, in the shape in which it is used. */
import { isConditionTrue } from '../../api/meta/conditions.ts'
import type { APIService } from '../../api/types.ts'

export interface GroupVersionEntry {
  /** `v1beta1.metrics.k8s.io` */
  readonly name: string
  readonly group: string
  readonly version: string
  /** Groups are told of from high to low. */
  readonly groupPriority: number
  readonly versionPriority: number
}

/** A group and version that another server has. */
export interface RemoteService extends GroupVersionEntry {
  readonly service: { readonly namespace: string; readonly name: string; readonly port: number }
  /** PEM; undefined for the authorities that Node knows. */
  readonly ca: Buffer | undefined
  readonly insecure: boolean
  readonly available: boolean
}

export const entryOf = ({ metadata, spec }: APIService): GroupVersionEntry => ({
  name: metadata?.name ?? '',
  group: spec?.group ?? '',
  version: spec?.version ?? '',
  groupPriority: spec?.groupPriorityMinimum ?? 0,
  versionPriority: spec?.versionPriority ?? 0,
})

/** Undefined for what this server has itself. */
export const remoteOf = (apiService: APIService): RemoteService | undefined => {
  const { spec, status } = apiService
  if (spec?.service === undefined) return undefined
  const { namespace = '', name = '', port = 443 } = spec.service
  const { caBundle = '', insecureSkipTLSVerify = false } = spec
  return {
    ...entryOf(apiService),
    service: { namespace, name, port },
    ca: caBundle === '' ? undefined : Buffer.from(caBundle, 'base64'),
    insecure: insecureSkipTLSVerify,
    available: isConditionTrue(status?.conditions, 'Available'),
  }
}

/** Where its discovery is, which every such server must have. */
export const discoveryPathOf = ({ group, version }: GroupVersionEntry): string =>
  group === '' ? `/api/${version}` : `/apis/${group}/${version}`
