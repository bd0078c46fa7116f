/** Signs approved CertificateSigningRequests with the cluster's CA. Upstream: pkg/controller/certificates/signer. */
import { readFileSync } from 'node:fs'
import { setCondition } from '../../api/meta/conditions.ts'
import { nowRfc3339 } from '../../api/meta/time.ts'
import { certificateSigningRequests } from '../../api/resources.ts'
import type { CertificateSigningRequest } from '../../api/types.ts'
import { type CertificationRequest, readCertificateRequest } from '../../component-base/pki/certificate-request.ts'
import { signRequest } from '../../component-base/pki/certificates.ts'
import { isKeyUsage } from '../../component-base/pki/usages.ts'
import type { Controller } from '../context.ts'
import { isApproved, isDone } from '../csr-state.ts'
import { messageOf } from '../errors.ts'
import { nameOf } from '../objects.ts'
import { enqueueSelf, queueOf, workersOf } from '../wiring.ts'
import { caFilesBySigner } from './ca-files.ts'
import { signerProblem } from './signers.ts'

/** Upstream: twice the backdate, as a lower bound. */
const shortestMs = 600_000

type Condition = NonNullable<NonNullable<CertificateSigningRequest['status']>['conditions']>[number]

export const csrSigningController: Controller = {
  name: 'certificatesigningrequest-signing-controller',
  serviceAccount: 'certificate-controller',
  setup: (context) => {
    const { client, informers, clock, config } = context
    const files = caFilesBySigner(config)
    if (files.size === 0) return undefined
    const queue = queueOf(context)
    const cache = informers.for(certificateSigningRequests)
    cache.addHandler({ onAdd: enqueueSelf(queue), onUpdate: (_old, request) => enqueueSelf(queue)(request) })

    const fail = async (request: CertificateSigningRequest, reason: string, message: string): Promise<void> => {
      const condition: Condition = { type: 'Failed', status: 'True', reason, message }
      const lastUpdateTime = nowRfc3339(clock.now())
      const conditions = setCondition(
        request.status?.conditions,
        { ...condition, lastUpdateTime } as never,
        lastUpdateTime,
      )
      const status = { ...request.status, conditions: [...conditions] as Condition[] }
      await client.update(certificateSigningRequests, { ...request, status }, { subresource: 'status' })
    }

    const lifetimeMs = ({ spec }: CertificateSigningRequest): number => {
      const longest = config['cluster-signing-duration']
      const asked = spec?.expirationSeconds
      return asked === undefined || asked === null ? longest : Math.min(longest, Math.max(shortestMs, asked * 1000))
    }

    const reconcile = async (name: string): Promise<undefined> => {
      const request = cache.lister.get(name)
      if (request === undefined || !isApproved(request) || isDone(request)) return
      const caFiles = files.get(request.spec?.signerName ?? '')
      if (caFiles === undefined) return
      let asked: CertificationRequest
      try {
        asked = readCertificateRequest(Buffer.from(request.spec?.request ?? '', 'base64').toString())
      } catch (error) {
        await fail(request, 'SignerValidationFailure', `unable to parse csr "${nameOf(request)}": ${messageOf(error)}`)
        return
      }
      const problem = signerProblem(request, asked)
      if (problem !== undefined) {
        await fail(request, 'SignerValidationFailure', problem)
        return
      }
      // Read each time: the files may have been rotated.
      const ca = { certPem: readFileSync(caFiles.certFile, 'utf8'), keyPem: readFileSync(caFiles.keyFile, 'utf8') }
      const usages = (request.spec?.usages ?? []).filter(isKeyUsage)
      const certificate = signRequest(ca, asked, { usages, lifetimeMs: lifetimeMs(request) })
      const status = { ...request.status, certificate: Buffer.from(certificate).toString('base64') }
      await client.update(certificateSigningRequests, { ...request, status }, { subresource: 'status' })
    }
    return workersOf(context, {
      name: 'certificatesigningrequest-signing-controller',
      queue,
      concurrency: 5,
      reconcile,
    })
  },
}
