/** The rules of the subresources that change one part of their object. */
import { prepareForApproval } from '../../../api/certificates/certificate-signing-request.ts'
import { validateApproval } from '../../../api/certificates/validation.ts'
import { setPodDefaults } from '../../../api/core/pod/defaults.ts'
import { resizedContainers, validatePodResize } from '../../../api/core/pod/resize.ts'
import { validateEphemeralContainersUpdate } from '../../../api/core/pod/ephemeral-containers.ts'
import { validateNamespaceFinalizers } from '../../../api/core/validation.ts'
import type { CertificateSigningRequest, KubeObject, Namespace, Pod } from '../../../api/types.ts'
import { cloneJson } from '../../storage/json.ts'
import type { PartRules } from './part.ts'

/** Everything of `old` but metadata, with `change` applied to a copy of its spec. */
const keepAllBut = (object: KubeObject, old: KubeObject, change: (kept: KubeObject) => void): void => {
  const kept = cloneJson(old)
  change(kept)
  for (const field of new Set([...Object.keys(object), ...Object.keys(kept)])) {
    if (field === 'metadata') continue
    if (kept[field] === undefined) delete object[field]
    else object[field] = kept[field]
  }
}

/** namespaces/finalize: spec.finalizers only. */
export const namespaceFinalize: PartRules = {
  keepRest: (object, old) => {
    const { finalizers } = (object as Namespace).spec ?? {}
    keepAllBut(object, old, (kept) => {
      const namespace = kept as Namespace
      namespace.spec = finalizers === undefined ? {} : { finalizers }
    })
  },
  validate: (object) => validateNamespaceFinalizers(object as Namespace),
}

/** certificatesigningrequests/approval: conditions only. */
export const approval: PartRules = {
  keepRest: (object, old, nowMs) =>
    prepareForApproval(object as CertificateSigningRequest, old as CertificateSigningRequest, nowMs),
  validate: (object, old) => validateApproval(object as CertificateSigningRequest, old as CertificateSigningRequest),
}

/** pods/ephemeralcontainers: they may be added, never changed or removed. */
export const ephemeralContainers: PartRules = {
  keepRest: (object, old) => {
    const containers = (object as Pod).spec?.ephemeralContainers
    keepAllBut(object, old, (kept) => {
      const pod = kept as Pod
      if (pod.spec !== undefined) {
        if (containers === undefined) delete pod.spec.ephemeralContainers
        else pod.spec.ephemeralContainers = containers
      }
      setPodDefaults(pod)
    })
  },
  validate: (object, old) => validateEphemeralContainersUpdate(object as Pod, old as Pod),
}

/** pods/resize: resources and resize policies of containers only. */
export const resize: PartRules = {
  keepRest: (object, old) => {
    const { containers, initContainers } = (object as Pod).spec ?? {}
    keepAllBut(object, old, (kept) => {
      const { spec } = kept as Pod
      if (spec === undefined) return
      spec.containers = resizedContainers(containers, spec.containers) ?? []
      if (initContainers === undefined) delete spec.initContainers
      else spec.initContainers = resizedContainers(initContainers, spec.initContainers) ?? []
      setPodDefaults(kept as Pod)
    })
  },
  validate: (object, old) => validatePodResize(object as Pod, old as Pod),
}
