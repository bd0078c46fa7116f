import { defineKind } from '../kind.ts'
import { createdAtColumn, nameColumn } from '../printers/columns.ts'
import type { LimitRange } from '../types.ts'
import { roundUpToMilli } from './pod-spec/defaults.ts'
import { validateLimitRange } from './quota-validation.ts'

type LimitRangeItem = NonNullable<LimitRange['spec']>['limits'][number]

/** For containers: the default limit is the maximum, the default request that limit, else the minimum. */
const setItemDefaults = (item: LimitRangeItem): void => {
  for (const list of [item.max, item.min, readDefault(item), item.defaultRequest, item.maxLimitRequestRatio]) {
    roundUpToMilli(list)
  }
  if (item.type !== 'Container') return
  const limits = { ...item.max, ...readDefault(item) }
  const requests = { ...item.min, ...limits, ...item.defaultRequest }
  Reflect.set(item, 'default', limits)
  item.defaultRequest = requests
}

/** The generated type renames `default`, a word of the language; the wire does not. */
const readDefault = (item: LimitRangeItem): Record<string, string> =>
  (Reflect.get(item, 'default') as Record<string, string> | undefined) ?? {}

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
