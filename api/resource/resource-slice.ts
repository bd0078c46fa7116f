import { defineKind } from '../kind.ts'
import { nowRfc3339 } from '../meta/time.ts'
import { ageColumn, column, nameColumn, textOr } from '../printers/columns.ts'
import type { ResourceSlice } from '../types.ts'
import { validateResourceSlice, validateResourceSliceUpdate } from './validation.ts'

type Device = NonNullable<NonNullable<ResourceSlice['spec']>['devices']>[number]

const devicesOf = ({ spec }: ResourceSlice): readonly Device[] => spec?.devices ?? []

/** A taint without a time has come now, unless it was there before. In place. Upstream: SetDefaults_DeviceTaint. */
const addTaintTimes = (slice: ResourceSlice, old: ResourceSlice | undefined, now: string): void => {
  for (const device of devicesOf(slice)) {
    const before = old === undefined ? [] : (devicesOf(old).find(({ name }) => name === device.name)?.taints ?? [])
    for (const taint of device.taints ?? []) {
      const same = before.find(({ key, value, effect }) => {
        return key === taint.key && value === taint.value && effect === taint.effect
      })
      taint.timeAdded ??= same?.timeAdded ?? (now as NonNullable<typeof taint.timeAdded>)
    }
  }
}

export const resourceSliceKind = defineKind<ResourceSlice>({
  group: 'resource.k8s.io',
  version: 'v1',
  kind: 'ResourceSlice',
  plural: 'resourceslices',
  scope: 'Cluster',
  hasGeneration: true,
  selectableFields: {
    'spec.nodeName': ({ spec }) => spec?.nodeName ?? '',
    'spec.driver': ({ spec }) => spec?.driver ?? '',
  },
  prepareForCreate: (slice) => addTaintTimes(slice, undefined, String(slice.metadata?.creationTimestamp ?? '')),
  prepareForUpdate: (slice, old, nowMs) => addTaintTimes(slice, old, nowRfc3339(nowMs)),
  notSelectable: (field) => `field label not supported for resource.k8s.io/v1, Kind=ResourceSlice: ${field}`,
  validate: validateResourceSlice,
  validateUpdate: validateResourceSliceUpdate,
  columns: [
    nameColumn,
    column('Node', 'Node that has the devices.', ({ spec }) => textOr(spec?.nodeName, '<unset>')),
    column('Driver', 'Driver of the devices.', ({ spec }) => spec?.driver ?? ''),
    column('Pool', 'Pool that the devices belong to.', ({ spec }) => spec?.pool?.name ?? ''),
    ageColumn,
  ],
})
