/** Which handlers the subresources and the kinds that are not stored have. */
import type { TokenAuthenticator } from '../authentication/authenticator.ts'
import type { Authorizer } from '../authorization/authorizer.ts'
import type { Config } from '../config.ts'
import type { Resource } from '../registry/resource.ts'
import type { Resources } from '../registry/resources.ts'
import type { KubeletClientConfig } from '../server/context.ts'
import { componentStatusHandlers } from './component-status.ts'
import { selfSubjectAccessReview, subjectAccessReview } from './reviews/access.ts'
import type { RulesResolver } from '../authorization/rules.ts'
import { selfSubjectReview, selfSubjectRulesReview, tokenReview } from './reviews/identity.ts'
import type { ResourceHandler, SubresourceHandlers } from './router.ts'
import { bindingOf, podBinding } from './subresources/binding.ts'
import { connectHandlers } from './subresources/connect.ts'
import { evictionOf } from './subresources/eviction.ts'
import { partHandlers } from './subresources/part.ts'
import { approval, ephemeralContainers, namespaceFinalize, resize } from './subresources/parts.ts'
import { scaleHandlers } from './subresources/scale.ts'
import { tokenHandler, type TokenIssuer } from './subresources/token.ts'

export interface InstallOptions {
  readonly resources: Resources
  readonly authorizer: Authorizer
  readonly rules: RulesResolver
  readonly tokens: readonly TokenAuthenticator[]
  readonly issuer: TokenIssuer
  readonly kubelet: KubeletClientConfig
  readonly upgradesNeedCreate: boolean
  readonly etcd: Config['etcd']
}

export const subresourceHandlers = (
  options: InstallOptions,
): ((resource: Resource, subresource: string) => SubresourceHandlers | undefined) => {
  const budgets = options.resources.get({ group: 'policy', version: 'v1', resource: 'poddisruptionbudgets' })
  const connect = connectHandlers({
    kubelet: options.kubelet,
    reader: options.resources,
    authorizer: options.upgradesNeedCreate ? options.authorizer : undefined,
  })
  const byName: Readonly<Record<string, SubresourceHandlers>> = {
    'namespaces/finalize': partHandlers(namespaceFinalize),
    'certificatesigningrequests.certificates.k8s.io/approval': partHandlers(approval),
    'pods/ephemeralcontainers': partHandlers(ephemeralContainers),
    'pods/resize': partHandlers(resize),
    'pods/binding': { create: podBinding },
    'pods/eviction': { create: evictionOf(budgets) },
    'serviceaccounts/token': { create: tokenHandler(options.issuer, options.resources) },
    'pods/log': connect,
    'pods/exec': connect,
    'pods/attach': connect,
    'pods/portforward': connect,
    'pods/proxy': connect,
    'services/proxy': connect,
    'nodes/proxy': connect,
  }
  return ({ definition: { group, plural, scale } }, subresource) => {
    if (subresource === 'scale') return scale === undefined ? undefined : scaleHandlers
    const name = `${group === '' ? plural : `${plural}.${group}`}/${subresource}`
    return Object.hasOwn(byName, name) ? byName[name] : undefined
  }
}

export const virtualHandlers = (
  options: InstallOptions,
): ((resource: Resource, verb: string) => ResourceHandler | undefined) => {
  const componentStatus = componentStatusHandlers(options.etcd)
  const pods = options.resources.get({ group: '', version: 'v1', resource: 'pods' })
  const byKind: Readonly<Record<string, ResourceHandler>> = {
    Binding: bindingOf(pods),
    TokenReview: tokenReview(options.tokens, options.issuer.audiences),
    SelfSubjectReview: selfSubjectReview,
    SubjectAccessReview: subjectAccessReview(options.authorizer),
    LocalSubjectAccessReview: subjectAccessReview(options.authorizer),
    SelfSubjectAccessReview: selfSubjectAccessReview(options.authorizer),
    SelfSubjectRulesReview: selfSubjectRulesReview(options.rules),
  }
  return ({ definition: { kind } }, verb) => {
    if (kind === 'ComponentStatus') return componentStatus[verb]
    return Object.hasOwn(byKind, kind) ? byKind[kind] : undefined
  }
}
