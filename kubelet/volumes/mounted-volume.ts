/** A volume as containers mount it. */
export interface MountedVolume {
  readonly hostPath: string
  /** A raw block device: for volumeDevices, not for volumeMounts. */
  readonly isDevice?: boolean
  /** Containers may not write, whatever their mount says. */
  readonly readOnly: boolean
}
