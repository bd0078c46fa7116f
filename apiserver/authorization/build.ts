/** The configured authorizers, in the order of --authorization-mode. */
import { systemMasters } from '../authentication/user.ts'
import type { AuthorizationMode } from '../config.ts'
import type { Resources } from '../registry/resources.ts'
import { alwaysAllow, alwaysDeny, type Authorizer, privilegedGroups, unionAuthorizer } from './authorizer.ts'
import { createNodeAuthorizer } from './node.ts'
import { createRbacAuthorizer, type RbacAuthorizer } from './rbac.ts'

export interface Authorization {
  readonly authorizer: Authorizer
  /** Knows rules whether or not RBAC is among the modes. */
  readonly rbac: RbacAuthorizer
}

export const buildAuthorization = (modes: readonly AuthorizationMode[], resources: Resources): Authorization => {
  const rbac = createRbacAuthorizer(resources)
  const authorizers = modes.map((mode): Authorizer => {
    switch (mode) {
      case 'AlwaysAllow':
        return alwaysAllow
      case 'AlwaysDeny':
        return alwaysDeny
      case 'Node':
        return createNodeAuthorizer(resources)
      case 'RBAC':
        return rbac
    }
  })
  return { authorizer: unionAuthorizer([privilegedGroups(systemMasters), ...authorizers]), rbac }
}
