import type { Taint } from '../../api/types.ts'
import { UsageError } from '../../component-base/process/run.ts'

/** `key=value:effect`, `key:effect`. Throws UsageError. */
export const parseTaint = (text: string): Taint => {
  const [, key, , value, effect] = /^([^=:]+)(=([^:]*))?:(NoSchedule|PreferNoSchedule|NoExecute)$/.exec(text) ?? []
  if (key === undefined || effect === undefined) throw new UsageError(`invalid taint spec: ${text}`)
  return { key, effect, ...(value === undefined || value === '' ? {} : { value }) }
}
