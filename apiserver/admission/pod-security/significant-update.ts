/** Whether an update of a Pod may change what PodSecurity thinks of it: of what may change, images and new containers. */
import type { Pod } from '../../../api/types.ts'

interface Named {
  readonly name: string
  readonly image?: string | undefined
}

const imagesDiffer = (now: readonly Named[] = [], before: readonly Named[] = []): boolean =>
  now.length !== before.length || now.some(({ image = '' }, index) => image !== (before[index]?.image ?? ''))

export const isSignificantPodUpdate = ({ spec }: Pod, { spec: old }: Pod): boolean => {
  if (imagesDiffer(spec?.containers, old?.containers) || imagesDiffer(spec?.initContainers, old?.initContainers)) {
    return true
  }
  const before = new Map((old?.ephemeralContainers ?? []).map(({ name, image }) => [name, image ?? '']))
  return (spec?.ephemeralContainers ?? []).some(({ name, image }) => before.get(name) !== (image ?? ''))
}
