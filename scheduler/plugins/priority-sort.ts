import type { PluginFactory } from '../framework/plugin.ts'

/** The higher priority first, then the one that waits longer. */
export const prioritySort: PluginFactory = () => ({
  name: 'PrioritySort',
  less: (a, b) => {
    const difference = (a.pod.spec?.priority ?? 0) - (b.pod.spec?.priority ?? 0)
    return difference === 0 ? a.timestamp < b.timestamp : difference > 0
  },
})
