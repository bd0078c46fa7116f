/** Approves client certificates of kubelets that RBAC allows to have them. Upstream: pkg/controller/certificates/approver. */
import { nowRfc3339 } from '../../api/meta/time.ts'
import { certificateSigningRequests } from '../../api/resources.ts'
import type { CertificateSigningRequest, SubjectAccessReview } from '../../api/types.ts'
import { type CertificationRequest, readCertificateRequest } from '../../component-base/pki/certificate-request.ts'
import type { Controller } from '../context.ts'
import { isApproved, isDenied, isDone } from '../csr-state.ts'
import { isKubeletClientRequest } from '../csr-signing/signers.ts'
import { enqueueSelf, queueOf, workersOf } from '../wiring.ts'

/** A kubelet renews its own certificate, or a bootstrapping one asks for its first. */
const recognizers = [
  {
    subresource: 'selfnodeclient',
    isFor: (request: CertificateSigningRequest, commonName: string) => request.spec?.username === commonName,
    message: 'Auto approving self kubelet client certificate after SubjectAccessReview.',
  },
  {
    subresource: 'nodeclient',
    isFor: () => true,
    message: 'Auto approving kubelet client certificate after SubjectAccessReview.',
  },
] as const

/** undefined where there is no valid request: the signer says so. */
const parsed = ({ spec }: CertificateSigningRequest): CertificationRequest | undefined => {
  try {
    return readCertificateRequest(Buffer.from(spec?.request ?? '', 'base64').toString())
  } catch {
    return undefined
  }
}

export const csrApprovingController: Controller = {
  name: 'certificatesigningrequest-approving-controller',
  serviceAccount: 'certificate-controller',
  setup: (context) => {
    const { client, informers, clock } = context
    const queue = queueOf(context)
    const cache = informers.for(certificateSigningRequests)
    cache.addHandler({ onAdd: enqueueSelf(queue), onUpdate: (_old, request) => enqueueSelf(queue)(request) })

    const isAllowed = async ({ spec }: CertificateSigningRequest, subresource: string): Promise<boolean> => {
      const review: SubjectAccessReview = {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        spec: {
          user: spec?.username ?? '',
          uid: spec?.uid ?? '',
          groups: spec?.groups ?? [],
          extra: spec?.extra ?? {},
          resourceAttributes: {
            group: 'certificates.k8s.io',
            resource: 'certificatesigningrequests',
            subresource,
            verb: 'create',
            version: '*',
          },
        },
      }
      const answer = await client.raw('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', review)
      return (answer as SubjectAccessReview).status?.allowed === true
    }

    const approve = async (request: CertificateSigningRequest, message: string): Promise<void> => {
      const now = nowRfc3339(clock.now())
      const approved = {
        type: 'Approved',
        status: 'True',
        reason: 'AutoApproved',
        message,
        lastUpdateTime: now,
        lastTransitionTime: now,
      }
      const status = { ...request.status, conditions: [...(request.status?.conditions ?? []), approved] }
      await client.update(certificateSigningRequests, { ...request, status }, { subresource: 'approval' })
    }

    const reconcile = async (name: string): Promise<undefined> => {
      const request = cache.lister.get(name)
      if (request === undefined || isApproved(request) || isDenied(request) || isDone(request)) return
      const names = parsed(request)
      if (names === undefined || !isKubeletClientRequest(request, names)) return
      for (const { subresource, isFor, message } of recognizers) {
        if (isFor(request, names.commonName) && (await isAllowed(request, subresource))) {
          await approve(request, message)
          return
        }
      }
      throw new Error(`recognized csr "${name}" but subject access review was not approved`)
    }
    return workersOf(context, {
      name: 'certificatesigningrequest-approving-controller',
      queue,
      concurrency: 5,
      reconcile,
    })
  },
}
