/** A volume as containers mount it. */
export interface MountedVolume {
  readonly hostPath: string
  /** Containers may not write, whatever their mount says. */
  readonly readOnly: boolean
}
