/** What happens around writes of CustomResourceDefinitions. */
import type { CustomResourceDefinition } from '../../api/types.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { ResourceHooks } from '../registry/resource.ts'
import { beginTermination } from './crd-conditions.ts'

/** A definition is not gone before its objects are. */
export const crdHooks = (clock: Clock): ResourceHooks => ({
  onDeletionBegins: (object) => beginTermination(object as CustomResourceDefinition, clock.now()),
  mayBeRemoved: ({ metadata }) => metadata?.deletionTimestamp !== undefined,
})
