/** Who wants to know how long extension points and plugins take. */

export type PointName =
  | 'PreFilter'
  | 'Filter'
  | 'PostFilter'
  | 'PreScore'
  | 'Score'
  | 'Reserve'
  | 'Unreserve'
  | 'Permit'
  | 'PreBind'
  | 'Bind'
  | 'PostBind'

export interface FrameworkObserver {
  /** An extension point ran; `status` is a status code's name. */
  readonly onPoint: (point: PointName, status: string, seconds: number) => void
  /** A plugin ran in a cycle that is measured. */
  readonly onPlugin: (
    plugin: string,
    point: PointName,
    run: { readonly status: string; readonly seconds: number },
  ) => void
  /** A plugin had a say for a Pod, at PreFilter or Filter. */
  readonly onEvaluation: (plugin: string, point: 'PreFilter' | 'Filter') => void
  /** Whether the plugins of the next cycle are to be measured one by one: that costs more than some of them. */
  readonly isMeasured: () => boolean
}

export const nobody: FrameworkObserver = {
  onPoint: () => undefined,
  onPlugin: () => undefined,
  onEvaluation: () => undefined,
  isMeasured: () => false,
}
