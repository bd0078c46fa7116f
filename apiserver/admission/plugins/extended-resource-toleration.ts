/** ExtendedResourceToleration: who asks for a device tolerates the nodes that are kept for those who do. */
import { isExtendedResource } from '../../../api/core/pod-spec/validate-resources.ts'
import { isQualifiedName } from '../../../api/meta/names.ts'
import type { Pod, Toleration } from '../../../api/types.ts'
import { type AdmissionPlugin, isResource } from '../admission.ts'

const isExtended = (name: string): boolean =>
  name.includes('/') && isExtendedResource(name) && isQualifiedName(`requests.${name}`).length === 0

const matches = (a: Toleration, b: Toleration): boolean =>
  (['key', 'effect', 'operator', 'value'] as const).every((field) => (a[field] ?? '') === (b[field] ?? ''))

export const extendedResourceToleration: AdmissionPlugin = {
  name: 'ExtendedResourceToleration',
  operations: ['CREATE', 'UPDATE'],
  admit: (attributes) => {
    const spec = (attributes.object as Pod | undefined)?.spec
    if (!isResource(attributes, 'pods') || spec === undefined) return
    const names = [...(spec.containers ?? []), ...(spec.initContainers ?? [])]
      .flatMap(({ resources }) => Object.keys(resources?.requests ?? {}))
      .filter(isExtended)
    for (const key of [...new Set(names)].toSorted()) {
      const toleration = { key, operator: 'Exists', effect: 'NoSchedule' }
      const present = (spec.tolerations ??= [])
      const index = present.findIndex((other) => matches(other, toleration))
      if (index < 0) present.push(toleration)
      else present[index] = toleration
    }
  },
}
