/** Hooks of the resources that do more than store, by group and plural. */
import { realClock } from '../../component-base/clock.ts'
import { crdHooks } from '../extensions/crd-hooks.ts'
import type { Namespace } from '../../api/types.ts'
import type { ResourceHooks } from './resource.ts'

/** A Namespace stays Terminating until its spec.finalizers are gone: its content goes first. */
const namespaceHooks: ResourceHooks = {
  ignoresPropagation: true,
  mayBeRemoved: (object) => ((object as Namespace).spec?.finalizers ?? []).length === 0,
  onDeletionBegins: (object) => {
    const namespace = object as Namespace
    namespace.status = { ...namespace.status, phase: 'Terminating' }
    // Upstream marks Namespaces without a grace period.
    delete namespace.metadata?.deletionGracePeriodSeconds
  },
}

export const fixedHooks: Readonly<Record<string, ResourceHooks>> = {
  'customresourcedefinitions.apiextensions.k8s.io': crdHooks(realClock),
  namespaces: namespaceHooks,
  events: { ignoresPropagation: true },
  'events.events.k8s.io': { ignoresPropagation: true },
}
