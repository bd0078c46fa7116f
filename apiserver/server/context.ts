/** The one object that a request carries through the chain. */
import type { IncomingMessage } from 'node:http'
import type { StatusError } from '../../api/meta/status-error.ts'
import type { KubeObject } from '../../api/types.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { RequestAudit } from '../audit/request-audit.ts'
import type { UserInfo } from '../authentication/user.ts'
import type { ApiRequest, ApiResponse } from './message.ts'
import type { RequestInfo } from './request-info.ts'

/** Names a resource in one version: `{ group: '', version: 'v1', resource: 'pods' }`. */
export interface ResourceId {
  readonly group: string
  readonly version: string
  readonly resource: string
}

/** How the API server reaches kubelets. */
export interface KubeletClientConfig {
  readonly certFile: string
  readonly keyFile: string
  readonly caFile: string
  /** In order of preference: `InternalIP`, `Hostname` … */
  readonly preferredAddressTypes: readonly string[]
}

/** Consistent reads for handlers that need other objects than their own. */
export interface ObjectReader {
  /** Throws NotFound. The object is shared: never change it. */
  getObject(ref: ResourceId, namespace: string, name: string): Promise<KubeObject>
  listObjects(
    ref: ResourceId,
    namespace: string,
    matches?: (object: KubeObject) => boolean,
  ): Promise<readonly KubeObject[]>
}

export interface RequestContext {
  readonly request: ApiRequest
  readonly method: string
  readonly info: RequestInfo
  readonly query: URLSearchParams
  /** Path and query as the client sent them. */
  readonly uri: string
  readonly auditId: string
  /** When the request arrived: milliseconds since the epoch, microseconds as their fraction. */
  readonly receivedMs: number
  /** Annotations of the audit event from before it began. */
  earlyAnnotations: readonly (readonly [key: string, value: string])[]
  /** What is recorded of this request; undefined where the audit policy wants nothing. */
  audit: RequestAudit | undefined
  readonly log: Logger
  /** Set by the authentication filter, replaced by impersonation. */
  user: UserInfo
  /** Set for a watch: to be called once its initial state was sent, from when on it costs next to nothing. */
  watchInitialized?: (() => void) | undefined
  /** To be called once when nothing is left to do but to wait for a slow reader of the answer: its seats are free then. */
  answerWaits?: (() => void) | undefined
  /** Texts of Warning headers, code 299; collected until the answer is sent. */
  readonly warnings: string[]
  /** Aborted when the client goes away or the server stops. */
  readonly signal: AbortSignal
}

/** A request that has a response to write; upgrades have a socket instead. */
export interface HttpContext extends RequestContext {
  /** Aborts `signal`: what is done for this request is not wanted any more. */
  abort(reason: StatusError): void
  readonly response: ApiResponse
}

/** What log, exec, attach, portforward and proxy get (apiserver/streaming). */
export interface ConnectDependencies extends ObjectReader {
  readonly kubelet: KubeletClientConfig
}
export type ConnectContext = HttpContext & ConnectDependencies
/** Upgrades are HTTP/1.1's. */
export type UpgradeContext = RequestContext & ConnectDependencies & { readonly request: IncomingMessage }
