/** How often images may be asked of registries: registryPullQPS and registryBurst. */
import type { ImageService } from '../runtime-service.ts'

/** Pulls beyond the rate fail at once, and back off like any other failure. Upstream: throttleImagePulling. */
export const limitPulls = (
  images: ImageService,
  { qps, burst }: { readonly qps: number; readonly burst: number },
  now: () => number,
): ImageService => {
  if (qps <= 0) return images
  let tokens = burst
  let updatedAt = now()
  const take = (): boolean => {
    tokens = Math.min(burst, tokens + ((now() - updatedAt) / 1000) * qps)
    updatedAt = now()
    if (tokens < 1) return false
    tokens--
    return true
  }
  return {
    ...images,
    pullImage: async (reference, auth, signal) => {
      if (!take()) throw new Error('pull QPS exceeded')
      return images.pullImage(reference, auth, signal)
    },
  }
}
