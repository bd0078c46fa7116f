/** Fills the rules of aggregated ClusterRoles from the roles that they select. Upstream: clusterroleaggregation. */
import { matcherFromLabelSelector } from '../../api/meta/labels.ts'
import { isReason } from '../../api/meta/status-error.ts'
import { clusterRoles } from '../../api/resources.ts'
import type { ClusterRole } from '../../api/types.ts'
import type { Controller } from '../context.ts'
import { labelsOf, nameOf } from '../objects.ts'
import { semanticEqual } from '../semantic-equal.ts'
import { onAnyChange, queueOf, workersOf } from '../wiring.ts'

type Rule = NonNullable<ClusterRole['rules']>[number]

/** The rules of all selected roles, by role name, each rule once. */
export const aggregateRules = (role: ClusterRole, all: readonly ClusterRole[]): Rule[] => {
  const selectors = (role.aggregationRule?.clusterRoleSelectors ?? []).map(matcherFromLabelSelector)
  const rules: Rule[] = []
  for (const other of [...all].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))) {
    if (nameOf(other) === nameOf(role) || !selectors.some((selects) => selects(labelsOf(other)))) continue
    for (const rule of other.rules ?? []) {
      if (!rules.some((known) => semanticEqual(known, rule))) rules.push(rule)
    }
  }
  return rules
}

export const clusterRoleAggregationController: Controller = {
  name: 'clusterrole-aggregation-controller',
  serviceAccount: 'clusterrole-aggregation-controller',
  setup: (context) => {
    const { client, informers } = context
    const queue = queueOf(context)
    const cache = informers.for(clusterRoles)
    // Any role may be selected by any aggregated one, by its labels of now or of before.
    onAnyChange(cache, () => {
      for (const role of cache.lister.list()) if (role.aggregationRule) queue.add(nameOf(role))
    })
    const reconcile = async (name: string): Promise<undefined> => {
      const role = cache.lister.get(name)
      if (!role?.aggregationRule) return
      const rules = aggregateRules(role, cache.lister.list())
      if (semanticEqual(role.rules, rules)) return
      const metadata = { resourceVersion: role.metadata?.resourceVersion }
      try {
        await client.patch(clusterRoles, name, undefined, { metadata, rules }, { type: 'merge' })
      } catch (error) {
        if (!isReason(error, 'NotFound')) throw error
      }
    }
    return workersOf(context, { name: 'clusterrole-aggregation-controller', queue, concurrency: 5, reconcile })
  },
}
