/** Sequences that once were answered in two ways, shrunk. Each is named by the behaviour that it holds. */
import type { Operation } from './operations.ts'

export const regressions: Readonly<Record<string, readonly Operation[]>> = {}
