/** The API server's `--feature-gates`. */
import { applyGates, gateValues } from '../../component-base/features/feature-gates.ts'
import { UsageError } from '../../component-base/process/run.ts'

/** Gates that change something here. */
export interface FeatureGates {
  /** exec, attach and portforward need the verb `create`, by whatever method they begin. */
  readonly AuthorizePodWebsocketUpgradeCreatePermission: boolean
  /** ClusterTrustBundles may be served. */
  readonly ClusterTrustBundle: boolean
  /** Pods may have volumes of them. */
  readonly ClusterTrustBundleProjection: boolean
  /** /flagz */
  readonly ComponentFlagz: boolean
  /** /statusz */
  readonly ComponentStatusz: boolean
}

export const defaultGates: FeatureGates = {
  AuthorizePodWebsocketUpgradeCreatePermission: true,
  ClusterTrustBundle: false,
  ClusterTrustBundleProjection: false,
  ComponentFlagz: true,
  ComponentStatusz: true,
}

/** Throws UsageError in upstream's words, or naming what is not built. */
export const parseFeatureGates = (settings: Readonly<Record<string, string>>): FeatureGates => {
  try {
    return applyGates({ ...defaultGates }, gateValues(settings))
  } catch (error) {
    const text = Object.entries(settings)
      .map(([name, value]) => `${name}=${value}`)
      .join(',')
    throw new UsageError(
      `invalid argument ${JSON.stringify(text)} for "--feature-gates" flag: ${(error as Error).message}`,
    )
  }
}
