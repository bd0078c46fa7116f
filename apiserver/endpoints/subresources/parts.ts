/** The rules of the subresources that change one part of their object. */
import { prepareForApproval } from '../../../api/certificates/certificate-signing-request.ts'
import { forbiddenField, type FieldError } from '../../../api/meta/field-error.ts'
import { setPodDefaults } from '../../../api/core/pod/defaults.ts'
import type { CertificateSigningRequest, Container, KubeObject, Namespace, Pod } from '../../../api/types.ts'
import { cloneJson, equalJson } from '../../storage/json.ts'
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
}

/** certificatesigningrequests/approval: conditions only. */
export const approval: PartRules = {
  keepRest: (object, old) => prepareForApproval(object as CertificateSigningRequest, old as CertificateSigningRequest),
}

/** pods/ephemeralcontainers: they may be added, never changed or removed. */
export const ephemeralContainers: PartRules = {
  keepRest: (object, old) => {
    const containers = (object as Pod).spec?.ephemeralContainers
    keepAllBut(object, old, (kept) => {
      const pod = kept as Pod
      if (pod.spec !== undefined && containers !== undefined) pod.spec.ephemeralContainers = containers
      setPodDefaults(pod)
    })
  },
  validate: (object, old): FieldError[] => {
    const after = (object as Pod).spec?.ephemeralContainers ?? []
    const before = (old as Pod).spec?.ephemeralContainers ?? []
    return before.flatMap((container) => {
      const now = after.find(({ name }) => name === container.name)
      const field = 'spec.ephemeralContainers'
      if (now === undefined)
        return [
          forbiddenField(field, `existing ephemeral containers ${JSON.stringify(container.name)} may not be removed\n`),
        ]
      return equalJson(now, container)
        ? []
        : [
            forbiddenField(
              field,
              `existing ephemeral containers ${JSON.stringify(container.name)} may not be changed\n`,
            ),
          ]
    })
  },
}

const withResources = (containers: Container[] | undefined, wanted: readonly Container[] | undefined): void => {
  for (const container of containers ?? []) {
    const asked = wanted?.find(({ name }) => name === container.name)
    if (asked === undefined) continue
    if (asked.resources === undefined) delete container.resources
    else container.resources = asked.resources
    if (asked.resizePolicy !== undefined) container.resizePolicy = asked.resizePolicy
  }
}

/** pods/resize: resources and resize policies of containers only. */
export const resize: PartRules = {
  keepRest: (object, old) => {
    const { containers, initContainers } = (object as Pod).spec ?? {}
    keepAllBut(object, old, (kept) => {
      const pod = kept as Pod
      withResources(pod.spec?.containers, containers)
      withResources(pod.spec?.initContainers, initContainers)
      setPodDefaults(pod)
    })
  },
}
