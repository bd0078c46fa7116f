/** SubjectAccessReview and its kin: asks the authorizer on somebody's behalf. */
import { type FieldError, invalidObject, required, invalid } from '../../../api/meta/field-error.ts'
import type { LocalSubjectAccessReview, SelfSubjectAccessReview, SubjectAccessReview } from '../../../api/types.ts'
import type { UserInfo } from '../../authentication/user.ts'
import { type Attributes, type Authorizer, resourceAttributes } from '../../authorization/authorizer.ts'
import type { HttpContext } from '../../server/context.ts'
import { sendValue } from '../../server/respond.ts'
import { decodeBody } from '../decode.ts'
import { parseWriteQuery } from '../options.ts'
import type { ResourceHandler } from '../router.ts'
import { gvkOf, type Scope } from '../scope.ts'
import { negotiatePlain } from '../send.ts'

type Review = SubjectAccessReview | SelfSubjectAccessReview | LocalSubjectAccessReview
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
      })
    : {
        ...resourceAttributes(user, { verb: path.verb ?? '', group: '', resource: '' }),
        isResourceRequest: false,
        path: path.path ?? '',
      }

const oneOf = ({ resourceAttributes: resource, nonResourceAttributes: path }: Spec): FieldError[] => {
  if (resource === undefined && path === undefined) {
    return [
      invalid(
        'spec.resourceAttributes',
        undefined,
        'exactly one of nonResourceAttributes or resourceAttributes must be specified',
      ),
    ]
  }
  if (resource !== undefined && path !== undefined) {
    return [invalid('spec.nonResourceAttributes', path, 'cannot be specified in combination with resourceAttributes')]
  }
  return []
}

const answer = async (
  scope: Scope,
  ctx: HttpContext,
  authorizer: Authorizer,
  userFor: (review: Review) => UserInfo | readonly FieldError[],
): Promise<void> => {
  const media = negotiatePlain(ctx)
  const { fieldValidation } = parseWriteQuery(ctx.query, 'CreateOptions')
  const review = (await decodeBody(ctx, gvkOf(scope), fieldValidation)) as Review
  review.spec ??= {}
  const user = userFor(review)
  const errors = [...('name' in user ? [] : user), ...oneOf(review.spec)]
  if (errors.length > 0 || !('name' in user)) throw invalidObject(scope.resource.definition, '', errors)
  const decision = await authorizer.authorize(attributesOf(user, review.spec))
  await sendValue(ctx, 201, media, {
    kind: review.kind,
    apiVersion: review.apiVersion,
    metadata: review.metadata ?? {},
    spec: review.spec,
    status: {
      allowed: decision.type === 'allow',
      ...(decision.type === 'deny' ? { denied: true } : {}),
      ...(decision.reason === '' ? {} : { reason: decision.reason }),
    },
  })
}

const namedUser = (review: Review): UserInfo | readonly FieldError[] => {
  const { user = '', groups = [], extra = {}, uid = '' } = review.spec as SubjectAccessReview['spec']
  if (user === '' && groups.length === 0)
    return [required('spec.user', 'at least one of user or group must be specified')]
  return { name: user, uid, groups, extra }
}

export const subjectAccessReview =
  (authorizer: Authorizer): ResourceHandler =>
  (scope, ctx) =>
    answer(scope, ctx, authorizer, namedUser)

export const localSubjectAccessReview =
  (authorizer: Authorizer): ResourceHandler =>
  (scope, ctx) =>
    answer(scope, ctx, authorizer, (review) => {
      const { namespace } = ctx.info
      const { resourceAttributes: resource } = review.spec
      if ((resource?.namespace ?? '') !== namespace) {
        return [
          invalid('spec.resourceAttributes.namespace', resource?.namespace ?? '', 'must match metadata.namespace'),
        ]
      }
      return namedUser(review)
    })

export const selfSubjectAccessReview =
  (authorizer: Authorizer): ResourceHandler =>
  (scope, ctx) =>
    answer(scope, ctx, authorizer, () => ctx.user)
