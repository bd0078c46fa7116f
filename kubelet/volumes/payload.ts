/** Files of configMap, secret, downwardAPI and projected volumes: pure, from the objects to paths and bytes. */
import type { Container, Node, Volume } from '../../api/types.ts'
import { fieldValue, type PodAddresses, resourceValue } from '../container/field-ref.ts'
import type { BoundPod } from '../pod.ts'
import type { FileProjection } from './atomic-writer.ts'

export type KeyToPath = { readonly key: string; readonly path: string; readonly mode?: number }
export type Files = Map<string, FileProjection>

/** What is asked for is not there; the Pod waits and the kubelet tries again. */
export class VolumeError extends Error {
  override readonly name = 'VolumeError'
}

/** Keys of an object as files: all of them, or the chosen ones under their paths. */
export const filesOfEntries = (
  entries: ReadonlyMap<string, Buffer>,
  {
    items,
    defaultMode,
    optional,
    what,
  }: { items: readonly KeyToPath[] | undefined; defaultMode: number; optional: boolean; what: string },
): Files => {
  if (items === undefined || items.length === 0) {
    return new Map([...entries].map(([key, data]) => [key, { data, mode: defaultMode }]))
  }
  const files: Files = new Map()
  for (const { key, path, mode } of items) {
    const data = entries.get(key)
    if (data !== undefined) files.set(path, { data, mode: mode ?? defaultMode })
    else if (!optional)
      throw new VolumeError(
        `${what} references non-existent ${what.startsWith('configmap') ? 'config' : 'secret'} key: ${key}`,
      )
  }
  return files
}

type DownwardItems = NonNullable<NonNullable<Volume['downwardAPI']>['items']>

export interface DownwardContext {
  readonly pod: BoundPod
  readonly addresses: PodAddresses
  readonly node: Node | undefined
}

const anyContainer = (pod: BoundPod, name: string | undefined): Container | undefined =>
  [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].find((container) => container.name === name)

export const downwardFiles = (
  items: DownwardItems,
  defaultMode: number,
  { pod, addresses, node }: DownwardContext,
): Files =>
  new Map(
    items.map(({ path, mode, fieldRef, resourceFieldRef }) => {
      let text = ''
      if (fieldRef !== undefined) text = fieldValue(pod, fieldRef.fieldPath, addresses)
      else if (resourceFieldRef !== undefined) {
        const container = anyContainer(pod, resourceFieldRef.containerName)
        if (container === undefined)
          throw new VolumeError(`container ${resourceFieldRef.containerName ?? ''} not found`)
        text = resourceValue(container, resourceFieldRef, node)
      }
      return [path, { data: Buffer.from(text), mode: mode ?? defaultMode }]
    }),
  )
