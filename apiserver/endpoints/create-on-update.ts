/** A write to a name that does not exist makes the object: that needs the verb `create` too. Upstream: withAuthorization. */
import { forbidden } from '../../api/meta/status-error.ts'
import { resourceAttributes } from '../authorization/authorizer.ts'
import type { HttpContext } from '../server/context.ts'
import type { Scope } from './scope.ts'

/** Throws Forbidden when the user may change objects of this resource but not create this one. */
export const authorizeCreate = async ({ resource, authorizer }: Scope, ctx: HttpContext): Promise<void> => {
  const { group, version, plural } = resource.definition
  const { namespace, name } = ctx.info
  const attributes = resourceAttributes(ctx.user, { verb: 'create', group, version, resource: plural, namespace, name })
  const decision = await authorizer.authorize(attributes)
  if (decision.type !== 'allow') throw forbidden(resource.groupResource, name, decision.reason)
}
