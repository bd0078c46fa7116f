/** How many objects a list would be of, and how large, as far as they are in memory. */
import type { Resources } from '../registry/resources.ts'
import type { EstimatorOptions } from './work-estimate.ts'

export const listStatistics =
  (resources: Resources): EstimatorOptions['statisticsOf'] =>
  ({ apiGroup, apiVersion, resource }) => {
    const cache = resources.find(apiGroup, apiVersion, resource)?.store.cache
    if (cache?.isReady !== true) return undefined
    return { count: cache.size, averageBytes: cache.size === 0 ? 0 : cache.sizeBytes / cache.size }
  }
