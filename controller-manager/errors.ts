/** Errors of the API server that controllers treat apart. */
import { isReason } from '../api/meta/status-error.ts'

/** As events and conditions quote it. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** True if the namespace is on its way out and takes nothing new: not worth an event or another try. */
export const isNamespaceTerminating = (error: unknown): boolean =>
  isReason(error, 'Forbidden') &&
  (error.details?.causes?.some(({ reason }) => reason === 'NamespaceTerminating') === true ||
    error.message.includes('because it is being terminated'))
