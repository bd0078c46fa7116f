/** What admission plugins see and do. Upstream: k8s.io/apiserver/pkg/admission */
import type { KubeObject } from '../../api/types.ts'
import type { UserInfo } from '../authentication/user.ts'
import type { Reinvocation } from './reinvocation.ts'

export type Operation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT'

export interface AdmissionAttributes {
  readonly operation: Operation
  readonly group: string
  readonly version: string
  readonly resource: string
  readonly subresource: string
  readonly kind: { readonly group: string; readonly version: string; readonly kind: string }
  readonly namespace: string
  /** '' where the server is to generate it. */
  readonly name: string
  /** The new object; mutating plugins change it in place. undefined on DELETE. */
  readonly object: KubeObject | undefined
  /** The stored object; never changed. undefined on CREATE. */
  readonly oldObject: KubeObject | undefined
  readonly user: UserInfo
  readonly dryRun: boolean
  /** CreateOptions, UpdateOptions, PatchOptions or DeleteOptions of the request; undefined for what has none (CONNECT). */
  readonly options?: Readonly<Record<string, unknown>> | undefined
  /** Who is to be asked again in mutating admission; set by the chain. */
  readonly reinvocation?: Reinvocation
  readonly warn: (text: string) => void
  /** Notes why, in the audit event of the request; a key that is noted already keeps its value. */
  readonly annotate: (key: string, value: string) => void
}

export interface AdmissionPlugin {
  readonly name: string
  readonly operations: readonly Operation[]
  /** Changes the object in place. Throws a StatusError to refuse. */
  readonly admit?: (attributes: AdmissionAttributes) => Promise<void> | void
  /** Looks at what will be stored. Throws a StatusError to refuse. */
  readonly validate?: (attributes: AdmissionAttributes) => Promise<void> | void
}

/** True for the resource itself (or the given subresource) of the core group or `group`. */
export const isResource = (attributes: AdmissionAttributes, resource: string, subresource = '', group = ''): boolean =>
  attributes.resource === resource && attributes.group === group && attributes.subresource === subresource
