import { defineKind } from '../kind.ts'
import { createdAtColumn, nameColumn } from '../printers/columns.ts'
import type { LimitRange } from '../types.ts'
import { roundUpToMilli } from './pod-spec/defaults.ts'
import { validateLimitRange } from './quota-validation.ts'

type LimitRangeItem = NonNullable<LimitRange['spec']>['limits'][number]

/** For containers: the default limit is the maximum, the default request that limit, else the minimum. */
const setItemDefaults = (item: LimitRangeItem): void => {
  for (const list of [item.max, item.min, item.default, item.defaultRequest, item.maxLimitRequestRatio]) {
    roundUpToMilli(list)
  }
  if (item.type !== 'Container') return
  item.default = { ...item.max, ...item.default }
  item.defaultRequest = { ...item.min, ...item.default, ...item.defaultRequest }
}

const setDefaults = (range: LimitRange): void => {
  for (const item of range.spec?.limits ?? []) setItemDefaults(item)
}

export const limitRangeKind = defineKind<LimitRange>({
  group: '',
  version: 'v1',
  kind: 'LimitRange',
  plural: 'limitranges',
  scope: 'Namespaced',
  shortNames: ['limits'],
  allowCreateOnUpdate: true,
  setDefaults,
  validate: validateLimitRange,
  columns: [nameColumn, createdAtColumn],
})
