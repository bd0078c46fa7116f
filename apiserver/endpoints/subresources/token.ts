/** POST serviceaccounts/token: TokenRequest. Upstream: TokenREST in pkg/registry/core/serviceaccount/storage */
import { randomUUID } from 'node:crypto'
import { type FieldError, invalid, invalidObject } from '../../../api/meta/field-error.ts'
import { badRequest, conflict, notFound, type StatusError } from '../../../api/meta/status-error.ts'
import { nowRfc3339 } from '../../../api/meta/time.ts'
import type { KubeObject, Pod, TokenRequest } from '../../../api/types.ts'
import type { SigningKey } from '../../authentication/service-account/keys.ts'
import { signToken } from '../../authentication/service-account/tokens.ts'
import type { Resources } from '../../registry/resources.ts'
import type { HttpContext } from '../../server/context.ts'
import { sendValue } from '../../server/respond.ts'
import { objectKey } from '../../storage/keys.ts'
import { decodeBody } from '../decode.ts'
import { parseWriteQuery } from '../options.ts'
import type { ResourceHandler } from '../router.ts'
import { admissionAttributes, checkNamespace, type Scope } from '../scope.ts'
import { negotiatePlain } from '../send.ts'

export interface TokenIssuer {
  readonly issuer: string
  readonly key: SigningKey
  readonly audiences: readonly string[]
  /** 0 is no limit. */
  readonly maxExpirationSeconds: number
  /** Tokens of Pods live a year, so that old clients that read them only once go on. */
  readonly extendExpiration: boolean
}

const tokenRequestGvk = { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' }
const minExpirationSeconds = 600
const defaultExpirationSeconds = 3600
const maxExpirationSeconds = 2 ** 32
/** What the kubelet asks for by default: 3600 and a mark of 7, which says that nobody chose it. */
const extendableSeconds = 3607
const extendedSeconds = 365 * 24 * 3600

interface Bound {
  readonly pod?: { readonly name: string; readonly uid: string }
  readonly node?: { readonly name: string; readonly uid: string }
  readonly secret?: { readonly name: string; readonly uid: string }
}

type Spec = NonNullable<TokenRequest['spec']>

const validate = ({ expirationSeconds: seconds = defaultExpirationSeconds }: Spec): void => {
  const errors: FieldError[] = []
  if (seconds < minExpirationSeconds) {
    errors.push(invalid('spec.expirationSeconds', seconds, 'may not specify a duration less than 10 minutes'))
  } else if (seconds > maxExpirationSeconds) {
    errors.push(invalid('spec.expirationSeconds', seconds, 'may not specify a duration larger than 2^32 seconds'))
  }
  if (errors.length > 0) throw invalidObject(tokenRequestGvk, '', errors)
}

const reference = ({ metadata }: KubeObject) => ({ name: metadata?.name ?? '', uid: metadata?.uid ?? '' })

const boundObject = async (
  resources: Resources,
  { boundObjectRef: ref }: Spec,
  namespace: string,
  account: string,
): Promise<Bound> => {
  if (ref === undefined) return {}
  const { kind = '', name = '', uid = '' } = ref
  const find = async (resource: string, inNamespace: string): Promise<KubeObject> => {
    const { store, groupResource } = resources.get({ group: '', version: 'v1', resource })
    const object = (await store.getCached(objectKey(inNamespace, name)))?.object
    if (object === undefined) throw notFound(groupResource, name)
    if (uid !== '' && uid !== object.metadata?.uid) {
      throw conflict(
        { group: '', resource: kind },
        name,
        `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`,
      )
    }
    return object
  }
  switch (kind) {
    case 'Pod': {
      const pod = (await find('pods', namespace)) as Pod
      if (pod.spec?.serviceAccountName !== account) {
        throw badRequest(
          `cannot bind token for serviceaccount ${JSON.stringify(account)} to pod running with different serviceaccount name.`,
        )
      }
      const nodeName = pod.spec.nodeName ?? ''
      if (nodeName === '') return { pod: reference(pod) }
      const { store } = resources.get({ group: '', version: 'v1', resource: 'nodes' })
      const node = (await store.getCached(nodeName))?.object
      return { pod: reference(pod), node: node === undefined ? { name: nodeName, uid: '' } : reference(node) }
    }
    case 'Secret':
      return { secret: reference(await find('secrets', namespace)) }
    case 'Node':
      return { node: reference(await find('nodes', '')) }
    default:
      throw badRequest(`cannot bind token to object of type ${ref.apiVersion ?? ''}, Kind=${kind}`)
  }
}

/** Upstream: TokenRequestServiceAccountUIDValidation. */
const otherAccount = (name: string, given: string, found: string): StatusError =>
  conflict(
    { group: tokenRequestGvk.group, resource: tokenRequestGvk.kind },
    name,
    `the UID in the token request (${given}) does not match the UID of the service account (${found})`,
  )

const createToken = async (
  scope: Scope,
  ctx: HttpContext,
  issuer: TokenIssuer,
  resources: Resources,
): Promise<void> => {
  const media = negotiatePlain(ctx)
  const { dryRun, fieldValidation } = parseWriteQuery(ctx.query, 'CreateOptions')
  const request = (await decodeBody(ctx, tokenRequestGvk, fieldValidation)) as TokenRequest
  const { namespace, name } = ctx.info
  checkNamespace(request, scope.resource, namespace)
  const metadata = (request.metadata ??= {})
  if ((metadata.name ?? '') !== '' && metadata.name !== name) {
    const why = 'must match the service account name if specified'
    throw invalidObject(tokenRequestGvk, name, [invalid('metadata.name', metadata.name, why)])
  }
  const spec = (request.spec ??= { audiences: [] })
  spec.expirationSeconds ??= defaultExpirationSeconds
  const attributes = admissionAttributes(scope, ctx, 'CREATE', { object: request, dryRun, kind: tokenRequestGvk })
  await scope.admission.mutate(attributes)
  const audiences = (spec.audiences ?? []).length === 0 ? [...issuer.audiences] : (spec.audiences ?? [])
  spec.audiences = audiences
  const account = (await scope.resource.store.getCached(objectKey(namespace, name)))?.object
  if (account === undefined) throw notFound(scope.resource.groupResource, name)
  const uid = account.metadata?.uid ?? ''
  if ((metadata.uid ?? '') !== '' && metadata.uid !== uid) throw otherAccount(name, metadata.uid ?? '', uid)
  validate(spec)
  await scope.admission.validate(attributes)
  const bound = await boundObject(resources, spec, namespace, name)

  const now = Math.floor(scope.clock.now() / 1000)
  const limit = issuer.maxExpirationSeconds
  const asked = limit > 0 ? Math.min(spec.expirationSeconds, limit) : spec.expirationSeconds
  if (asked < spec.expirationSeconds) {
    ctx.warnings.push(`requested expiration of ${spec.expirationSeconds} seconds shortened to ${asked} seconds`)
  }
  const extended =
    issuer.extendExpiration &&
    asked === extendableSeconds &&
    bound.pod !== undefined &&
    isApiAudience(audiences, issuer)
  const lifetime = extended ? (limit > 0 ? Math.min(extendedSeconds, limit) : extendedSeconds) : asked
  const jti = randomUUID()
  ctx.audit?.annotate('authentication.kubernetes.io/issued-credential-id', `JTI=${jti}`)
  const token = await signToken(issuer.key, {
    aud: audiences,
    exp: now + lifetime,
    iat: now,
    iss: issuer.issuer,
    jti,
    'kubernetes.io': {
      namespace,
      ...(bound.node === undefined ? {} : { node: bound.node }),
      ...(bound.pod === undefined ? {} : { pod: bound.pod }),
      ...(bound.secret === undefined ? {} : { secret: bound.secret }),
      serviceaccount: reference(account),
      ...(extended ? { warnafter: now + asked } : {}),
    },
    nbf: now,
    sub: `system:serviceaccount:${namespace}:${name}`,
  })
  spec.expirationSeconds = asked
  const { kind, apiVersion } = request
  await sendValue(ctx, 201, media, {
    kind,
    apiVersion,
    metadata: { ...metadata, name, namespace, uid, creationTimestamp: nowRfc3339(scope.clock.now()) },
    spec,
    // What the client is told is when it should come again, not when the extended token ends.
    status: { token, expirationTimestamp: nowRfc3339((now + asked) * 1000) },
  })
}

const isApiAudience = (asked: readonly string[], { audiences }: TokenIssuer): boolean =>
  asked.length > 0 && asked.every((audience) => audiences.includes(audience))

export const tokenHandler =
  (issuer: TokenIssuer, resources: Resources): ResourceHandler =>
  (scope, ctx) =>
    createToken(scope, ctx, issuer, resources)
