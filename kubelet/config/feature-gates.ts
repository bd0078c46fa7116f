/** The gates that change something in the kubelet; every other one is as v1.36 has it. */
import { applyGates } from '../../component-base/features/feature-gates.ts'

export interface KubeletGates {
  readonly ClusterTrustBundle: boolean
  /** Pods may have volumes of ClusterTrustBundles. */
  readonly ClusterTrustBundleProjection: boolean
  readonly GracefulNodeShutdown: boolean
}

/** Throws an Error in upstream's words, or naming what is not built. */
export const kubeletGates = (settings: ReadonlyMap<string, boolean>): KubeletGates =>
  applyGates({ ClusterTrustBundle: false, ClusterTrustBundleProjection: false, GracefulNodeShutdown: true }, settings)
