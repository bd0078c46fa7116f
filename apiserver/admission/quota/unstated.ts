/** Compute resources that every container of a Pod must state where a quota limits them. */
import { isPodLevelResource } from '../../../api/meta/pods.ts'
import type { Container, KubeObject, Pod } from '../../../api/types.ts'

/** Of these only: upstream calls the demand itself a mistake that is kept for old quotas. */
const demanded = /^(?:(requests|limits)\.)?(cpu|memory)$/

const hasPodLevelResources = ({ spec }: Pod): boolean =>
  [spec?.resources?.requests, spec?.resources?.limits].some((amounts) =>
    Object.keys(amounts ?? {}).some(isPodLevelResource),
  )

/** `requests.cpu for: a,b`, one for each name that some containers do not state. */
export const unstatedResources = (object: KubeObject, names: readonly string[]): string[] => {
  const pod = object as Pod
  if (hasPodLevelResources(pod)) return []
  const containers: readonly Container[] = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])]
  return names.flatMap((name) => {
    const [, which = 'requests', resource = ''] = demanded.exec(name) ?? []
    if (resource === '') return []
    const list = which === 'limits' ? 'limits' : 'requests'
    const silent = containers.filter(({ resources }) => resources?.[list]?.[resource] === undefined)
    const shown = [...new Set(silent.map((container) => container.name))].toSorted()
    return shown.length === 0 ? [] : [`${name} for: ${shown.join(',')}`]
  })
}
