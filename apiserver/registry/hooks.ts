/** Hooks of the resources that do more than store, by group and plural. */
import { realClock } from '../../component-base/clock.ts'
import { crdHooks } from '../extensions/crd-hooks.ts'
import { certificateSigningRequestKind } from '../../api/certificates/certificate-signing-request.ts'
import { invalid, invalidObject } from '../../api/meta/field-error.ts'
import { readCertificateRequest } from '../../component-base/pki/certificate-request.ts'
import type { CertificateSigningRequest, Namespace } from '../../api/types.ts'
import type { ResourceHooks } from './resource.ts'

/** A Namespace stays Terminating until its spec.finalizers are gone: its content goes first. */
const namespaceHooks: ResourceHooks = {
  ignoresPropagation: true,
  mayBeRemoved: (object) => ((object as Namespace).spec?.finalizers ?? []).length === 0,
  onDeletionBegins: (object) => {
    const namespace = object as Namespace
    namespace.status = { ...namespace.status, phase: 'Terminating' }
    // Upstream marks Namespaces without a grace period.
    delete namespace.metadata?.deletionGracePeriodSeconds
  },
}

/** What is asked for must be there to read, and be signed by the key that it is asked for. */
const certificateRequestHooks: ResourceHooks = {
  beginCreate: (object) => {
    const { spec, metadata } = object as CertificateSigningRequest
    const text = Buffer.from(spec?.request ?? '', 'base64').toString('latin1')
    try {
      readCertificateRequest(text)
    } catch (error) {
      const problem = invalid('spec.request', spec?.request ?? '', (error as Error).message)
      throw invalidObject(certificateSigningRequestKind, metadata?.name ?? '', [problem])
    }
    return Promise.resolve(undefined)
  },
}

export const fixedHooks: Readonly<Record<string, ResourceHooks>> = {
  'customresourcedefinitions.apiextensions.k8s.io': crdHooks(realClock),
  'certificatesigningrequests.certificates.k8s.io': certificateRequestHooks,
  namespaces: namespaceHooks,
  events: { ignoresPropagation: true },
  'events.events.k8s.io': { ignoresPropagation: true },
}
