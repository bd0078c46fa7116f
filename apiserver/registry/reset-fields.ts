/**
 * Fields that an endpoint puts back to what they were, so that nobody owns them through it.
 * Upstream: GetResetFields of each strategy.
 */
import type { KindDefinition } from '../../api/kind.ts'
import { type FieldSet, node } from '../../api/patch/apply/field-set.ts'
import { type IgnoredFields, ignoring } from '../../api/patch/apply/ownership.ts'

type Paths = readonly (readonly string[])[]

const metadataAndSpec: Paths = [['metadata'], ['spec']]

/** What /status resets beside spec, or instead of it. */
const statusResets: Readonly<Record<string, Paths>> = {
  pods: [['spec'], ['metadata', 'deletionTimestamp'], ['metadata', 'ownerReferences']],
  'deployments.apps': [['spec'], ['metadata', 'labels']],
  'certificatesigningrequests.certificates.k8s.io': [['spec'], ['status', 'conditions']],
  'customresourcedefinitions.apiextensions.k8s.io': metadataAndSpec,
  'flowschemas.flowcontrol.apiserver.k8s.io': metadataAndSpec,
  'prioritylevelconfigurations.flowcontrol.apiserver.k8s.io': metadataAndSpec,
  'resourceclaims.resource.k8s.io': metadataAndSpec,
  'volumeattachments.storage.k8s.io': metadataAndSpec,
}

/** The children of a set that pass, each through its own filter. */
const only = (set: FieldSet, filters: Readonly<Record<string, (child: FieldSet) => FieldSet>>): FieldSet =>
  node(
    false,
    Object.entries(filters).map(([element, filter]) => {
      const child = set.children.get(element)
      return [element, child === undefined ? node(false, []) : filter(child)]
    }),
  )

const whole = (set: FieldSet): FieldSet => set

/** Of each container: what may be resized. */
const resizable = (containers: FieldSet): FieldSet =>
  node(
    false,
    [...containers.children].map(([element, container]) => [
      element,
      only(container, { 'f:resources': whole, 'f:resizePolicy': whole }),
    ]),
  )

const partResets: Readonly<Record<string, IgnoredFields>> = {
  'namespaces/finalize': ignoring([['status']]),
  'certificatesigningrequests.certificates.k8s.io/approval': ignoring([['spec'], ['status', 'certificate']]),
  'pods/ephemeralcontainers': {
    type: 'all-but',
    keep: (fields) => only(fields, { 'f:spec': (spec) => only(spec, { 'f:ephemeralContainers': whole }) }),
  },
  'pods/resize': {
    type: 'all-but',
    keep: (fields) =>
      only(fields, {
        'f:spec': (spec) => only(spec, { 'f:containers': resizable, 'f:initContainers': resizable }),
      }),
  },
}

export const resetFieldsOf = ({ group, plural, subresources }: KindDefinition, subresource: string): IgnoredFields => {
  const name = group === '' ? plural : `${plural}.${group}`
  if (subresource === 'status') return ignoring(statusResets[name] ?? [['spec']])
  if (subresource !== '') return partResets[`${name}/${subresource}`] ?? ignoring([])
  return ignoring(subresources.some((declared) => declared.name === 'status') ? [['status']] : [])
}
