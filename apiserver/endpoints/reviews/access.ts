/** SubjectAccessReview and its kin: asks the authorizer on somebody's behalf. */
import { invalidObject } from '../../../api/meta/field-error.ts'
import type { LocalSubjectAccessReview, SelfSubjectAccessReview, SubjectAccessReview } from '../../../api/types.ts'
import type { UserInfo } from '../../authentication/user.ts'
import { type Attributes, type Authorizer, resourceAttributes } from '../../authorization/authorizer.ts'
import { reviewedSelectors } from '../../authorization/selectors.ts'
import type { HttpContext } from '../../server/context.ts'
import type { ResourceHandler } from '../router.ts'
import type { Scope } from '../scope.ts'
import { readReview } from './review.ts'

type AccessReview = SubjectAccessReview | SelfSubjectAccessReview | LocalSubjectAccessReview
type Spec = Pick<SubjectAccessReview['spec'], 'resourceAttributes' | 'nonResourceAttributes'>

const attributesOf = (
  user: UserInfo,
  { resourceAttributes: resource, nonResourceAttributes: path }: Spec,
): Attributes =>
  path === undefined
    ? resourceAttributes(user, {
        verb: resource?.verb ?? '',
        group: resource?.group ?? '',
        version: resource?.version ?? '*',
        resource: resource?.resource ?? '',
        subresource: resource?.subresource ?? '',
        name: resource?.name ?? '',
        namespace: resource?.namespace ?? '',
        ...reviewedSelectors(resource ?? {}),
      })
    : {
        ...resourceAttributes(user, { verb: path.verb ?? '', group: '', resource: '' }),
        isResourceRequest: false,
        path: path.path ?? '',
      }

const answerAccess = async <T extends AccessReview>(
  scope: Scope,
  ctx: HttpContext,
  authorizer: Authorizer,
  userOf: (review: T) => UserInfo,
): Promise<void> => {
  const { object, admit, answer } = await readReview<T>(scope, ctx)
  const { definition } = scope.resource
  object.spec ??= {}
  const errors = definition.validate?.(object) ?? []
  if (errors.length > 0) throw invalidObject(definition, '', errors)
  await admit()
  const decision = await authorizer.authorize(attributesOf(userOf(object), object.spec))
  await answer({
    spec: object.spec,
    status: {
      allowed: decision.type === 'allow',
      ...(decision.type === 'deny' ? { denied: true } : {}),
      ...(decision.reason === '' ? {} : { reason: decision.reason }),
      ...(decision.error === undefined ? {} : { evaluationError: decision.error.message }),
    },
  })
}

const namedUser = ({ spec }: SubjectAccessReview | LocalSubjectAccessReview): UserInfo => {
  const { user = '', groups = [], extra = {}, uid = '' } = spec
  return { name: user, uid, groups, extra }
}

/** SubjectAccessReview and LocalSubjectAccessReview, which differ in what is valid alone. */
export const subjectAccessReview =
  (authorizer: Authorizer): ResourceHandler =>
  (scope, ctx) =>
    answerAccess(scope, ctx, authorizer, namedUser)

export const selfSubjectAccessReview =
  (authorizer: Authorizer): ResourceHandler =>
  (scope, ctx) =>
    answerAccess<SelfSubjectAccessReview>(scope, ctx, authorizer, () => ctx.user)
