/** What a webhook is asked and what it answers. Upstream: authorization.k8s.io SubjectAccessReview */
import type { Attributes } from './authorizer.ts'
import type { ReviewVersion } from './configuration.ts'
import { type Requirement, reviewSelectors } from './selectors.ts'

type Texts<Name extends string> = { readonly [Key in Name]?: string }

/** Absent is what Go leaves out as empty. */
export interface ReviewSpec extends Texts<'user' | 'uid'> {
  readonly resourceAttributes?: Texts<
    'namespace' | 'verb' | 'group' | 'version' | 'resource' | 'subresource' | 'name'
  > & {
    readonly fieldSelector?: { readonly requirements: readonly Requirement[] }
    readonly labelSelector?: { readonly requirements: readonly Requirement[] }
  }
  readonly nonResourceAttributes?: Texts<'path' | 'verb'>
  readonly groups?: readonly string[]
  readonly extra?: Readonly<Record<string, readonly string[]>>
}

export interface ReviewStatus {
  readonly allowed: boolean
  readonly denied: boolean
  readonly reason: string
}

const given = <Name extends string>(fields: Readonly<Record<Name, string>>): Texts<Name> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== '')) as Texts<Name>

export const reviewSpecOf = (attributes: Attributes): ReviewSpec => {
  const { user, verb, path, namespace, group, version, resource, subresource, name } = attributes
  return {
    ...(attributes.isResourceRequest
      ? {
          resourceAttributes: {
            ...given({ namespace, verb, group, version, resource, subresource, name }),
            ...reviewSelectors(attributes),
          },
        }
      : { nonResourceAttributes: given({ path, verb }) }),
    ...given({ user: user.name }),
    ...(user.groups.length === 0 ? {} : { groups: user.groups }),
    ...(Object.keys(user.extra).length === 0 ? {} : { extra: user.extra }),
    ...given({ uid: user.uid }),
  }
}

/** v1beta1 calls the groups `group`. */
const specIn = (version: ReviewVersion, spec: ReviewSpec): object => {
  if (version === 'v1') return spec
  const { groups, extra, uid, ...rest } = spec
  return {
    ...rest,
    ...(groups === undefined ? {} : { group: groups }),
    ...(extra === undefined ? {} : { extra }),
    ...(uid === undefined ? {} : { uid }),
  }
}

export const encodeReview = (version: ReviewVersion, spec: ReviewSpec): string =>
  JSON.stringify({
    kind: 'SubjectAccessReview',
    apiVersion: `authorization.k8s.io/${version}`,
    metadata: {},
    spec: specIn(version, spec),
    status: { allowed: false },
  })

/** Throws for what is no answer. */
export const decodeReview = (version: ReviewVersion, text: string): ReviewStatus => {
  const review = JSON.parse(text) as { kind?: unknown; apiVersion?: unknown; status?: Record<string, unknown> } | null
  const { kind, apiVersion, status } = review ?? {}
  if (kind !== 'SubjectAccessReview' || apiVersion !== `authorization.k8s.io/${version}`) {
    throw new Error(`no SubjectAccessReview of authorization.k8s.io/${version}: ${text.slice(0, 200)}`)
  }
  const { allowed = false, denied = false, reason = '' } = status ?? {}
  if (typeof allowed !== 'boolean' || typeof denied !== 'boolean' || typeof reason !== 'string') {
    throw new Error(`a SubjectAccessReview with a status that is none: ${text.slice(0, 200)}`)
  }
  return { allowed, denied, reason }
}
