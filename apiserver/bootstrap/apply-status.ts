/** The status of an object, applied as its own manager: so it is known whose it is. */
import { applyConfiguration } from '../../api/patch/apply/apply.ts'
import { setManagers } from '../../api/patch/apply/managed-fields.ts'
import { nowRfc3339 } from '../../api/meta/time.ts'
import type { KubeObject } from '../../api/types.ts'
import type { Clock } from '../../component-base/clock.ts'
import { fieldScopeOf } from '../registry/field-manager.ts'
import type { Resource } from '../registry/resource.ts'
import { updateObject } from '../registry/update.ts'

export interface AppliedStatus {
  /** Kind, version, name and the part of the status that is the manager's. */
  readonly applied: KubeObject
  readonly manager: string
  readonly clock: Clock
  /** Last changes of the merged object, in place. */
  readonly finish?: (object: KubeObject) => void
}

/** Throws NotFound. */
export const applyStatus = async (
  resource: Resource,
  { applied, manager, clock, finish }: AppliedStatus,
): Promise<void> => {
  const scope = fieldScopeOf(resource, 'status')
  const time = nowRfc3339(clock.now())
  await updateObject(
    resource,
    { namespace: applied.metadata?.namespace ?? '', name: applied.metadata?.name ?? '' },
    (live) => {
      const result = applyConfiguration({ ...scope, live, applied, manager, force: true, time })
      const object = structuredClone(result.object)
      finish?.(object)
      setManagers(object, result.managers)
      return object
    },
    { dryRun: false, clock, validating: async () => {}, scope: 'status' },
  )
}
