/**
 * Approves the serving certificates of this cluster's kubelets, which no controller of Kubernetes does by itself: who
 * starts the nodes knows which names and addresses are theirs, and a kubelet is not asked to vouch for itself.
 */
import { certificateSigningRequests } from '../api/resources.ts'
import { canonicalIpv6 } from '../api/meta/cidr.ts'
import { nowRfc3339 } from '../api/meta/time.ts'
import { isReason } from '../api/meta/status-error.ts'
import type { CertificateSigningRequest } from '../api/types.ts'
import { createInformer } from '../client/cache/informer.ts'
import type { RestClient } from '../client/rest/rest-client.ts'
import type { Logger } from '../component-base/logging/logger.ts'
import { type CertificationRequest, readCertificateRequest } from '../component-base/pki/certificate-request.ts'
import type { NodeConfig } from './cluster-config.ts'

const signerName = 'kubernetes.io/kubelet-serving'
const usages: ReadonlySet<string> = new Set(['digital signature', 'key encipherment', 'server auth'])

/** Requests spell out every digit of an IPv6 address. */
const canonicalIp = (ip: string): string => (ip.includes(':') ? canonicalIpv6(ip) : ip)

/** Why the request is not approved; undefined if it is the node's own, for names and addresses that are the node's. */
export const servingProblem = (
  { spec }: CertificateSigningRequest,
  nodes: readonly NodeConfig[],
): string | undefined => {
  const user = spec?.username ?? ''
  const node = nodes.find(({ name }) => user === `system:node:${name}`)
  if (node === undefined) return `${user} is no node of the cluster file`
  if (spec?.groups?.includes('system:nodes') !== true) return `${user} is not in system:nodes`
  let asked: CertificationRequest
  try {
    asked = readCertificateRequest(Buffer.from(spec?.request ?? '', 'base64').toString())
  } catch {
    return 'the request cannot be read'
  }
  if (asked.commonName !== user) return `it is for ${asked.commonName}`
  if (asked.organizations.join() !== 'system:nodes') return 'its organization is not system:nodes'
  if (!(spec?.usages ?? []).every((usage) => usages.has(usage))) return 'it is for more than serving'
  const [name] = asked.dnsNames.filter((one) => one !== node.name)
  if (name !== undefined) return `${name} is not a name of the node`
  const [address] = asked.ips.filter((one) => !node.addresses.includes(canonicalIp(one)))
  return address === undefined ? undefined : `${address} is not an address of the node`
}

const isDecided = ({ status }: CertificateSigningRequest): boolean =>
  (status?.conditions ?? []).some(({ type }) => type === 'Approved' || type === 'Denied')

const approve = async (client: RestClient, request: CertificateSigningRequest): Promise<void> => {
  const now = nowRfc3339(Date.now())
  const condition = {
    type: 'Approved',
    status: 'True',
    reason: 'KnownNode',
    message: 'The request is for the name and address that the cluster file gives to its node.',
    lastUpdateTime: now,
    lastTransitionTime: now,
  }
  const conditions = [...(request.status?.conditions ?? []), condition]
  const approved = { ...request, status: { ...request.status, conditions } } as CertificateSigningRequest
  await client.update(certificateSigningRequests, approved, { subresource: 'approval' })
}

/** Follows requests until the signal aborts. `nodes` are those of the cluster file at the moment. */
export const approveServingCertificates = async (
  client: RestClient,
  nodes: () => readonly NodeConfig[],
  { log, signal }: { readonly log: Logger; readonly signal: AbortSignal },
): Promise<void> => {
  const look = async (request: CertificateSigningRequest): Promise<void> => {
    if (isDecided(request)) return
    const name = request.metadata?.name
    const problem = servingProblem(request, nodes())
    if (problem !== undefined) return log.warn({ request: name, problem }, 'serving certificate not approved')
    try {
      await approve(client, request)
    } catch (err) {
      // A conflict is a newer version, which is told of as well.
      if (!isReason(err, 'Conflict', 'NotFound')) log.warn({ err, request: name }, 'cannot approve')
    }
  }
  const informer = createInformer(client, certificateSigningRequests, {
    fieldSelector: `spec.signerName=${signerName}`,
  })
  informer.addHandler({
    onAdd: (request) => void look(request),
    onUpdate: (_old, request) => void look(request),
  })
  await informer.start(signal)
}
