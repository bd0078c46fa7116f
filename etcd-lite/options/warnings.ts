/** What an operator should know of the configuration; logged once there is a log. */
export interface Warning {
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}
