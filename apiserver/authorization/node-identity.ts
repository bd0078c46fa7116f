/** Who is a node: user `system:node:<name>` in group `system:nodes`. */
import type { UserInfo } from '../authentication/user.ts'

const prefix = 'system:node:'

/** The node's name; '' for a member of system:nodes without a proper name; undefined for everybody else. */
export const nodeNameOf = ({ name, groups }: UserInfo): string | undefined => {
  if (!groups.includes('system:nodes')) return undefined
  return name.startsWith(prefix) ? name.slice(prefix.length) : ''
}
