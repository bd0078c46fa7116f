/** A volume as containers mount it. */
export interface MountedVolume {
  readonly hostPath: string
  /** A raw block device: for volumeDevices, not for volumeMounts. */
  readonly isDevice?: boolean
  /** Containers may not write, whatever their mount says. */
  readonly readOnly: boolean
  /** Its own mount is read-only, and more: an engine that makes it read-only again would lose the rest. */
  readonly sealed?: boolean
  /** ID of the image that the runtime mounts; there is no folder then. */
  readonly image?: string
}
