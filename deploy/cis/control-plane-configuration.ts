/** 3: how people log in, and what is recorded of them. */
import { existsSync, readFileSync } from 'node:fs'
import { secrets } from '../../api/resources.ts'
import type { Secret } from '../../api/types.ts'
import { parsePolicy } from '../../apiserver/audit/policy-file.ts'
import { createPolicyEvaluator } from '../../apiserver/audit/policy.ts'
import { parseRequestInfo } from '../../apiserver/server/request-info.ts'
import { type Check, failOn, manual, pass, type Section, warnOn } from './check.ts'
import { createProcessCheck, namesFile } from './flags.ts'
import { boundSubjects } from './policies/rbac-objects.ts'
import type { Evidence } from './evidence.ts'

const external = 'oidc-issuer-url'

const hasOtherLogins = ({ apiServer }: Evidence): boolean => {
  const { flags } = apiServer
  const file = flags.get('authentication-config') ?? ''
  return (
    flags.has(external) ||
    flags.has('authentication-token-webhook-config-file') ||
    (existsSync(file) && /^jwt:\s*$/m.test(readFileSync(file, 'utf8')))
  )
}

const certificatesOfPeople: Check = {
  id: '3.1.1',
  title: 'People do not log in with client certificates',
  run: (evidence) =>
    hasOtherLogins(evidence)
      ? pass(
          'tokens of an issuer are accepted; the certificates in admin.conf and super-admin.conf are for emergencies',
        )
      : manual(
          'admin.conf is a certificate, as kubeadm makes it: for people, set up an issuer of tokens (--authentication-config)',
        ),
}

const tokensOfPeople: Check = {
  id: '3.1.2',
  title: 'People do not log in with tokens of service accounts',
  run: async ({ api }) => {
    const { items } = await api.list<Secret>(secrets, { fieldSelector: 'type=kubernetes.io/service-account-token' })
    return warnOn(
      items.map(({ metadata }) => `${metadata?.namespace}/${metadata?.name} is a token that never ends`),
      'no token lasts for ever',
    )
  },
}

/** Such tokens let machines ask for a certificate; they end, and are of no use for anything else. */
const bootstrapTokens: Check = {
  id: '3.1.3',
  title: 'People do not log in with bootstrap tokens',
  run: async (evidence) => {
    const { items } = await evidence.api.list<Secret>(secrets, {
      namespace: 'kube-system',
      fieldSelector: 'type=bootstrap.kubernetes.io/token',
    })
    const text = ({ data }: Secret, key: string): string => Buffer.from(data?.[key] ?? '', 'base64').toString()
    const findings = items.flatMap((secret) => {
      const name = secret.metadata?.name ?? ''
      if (text(secret, 'usage-bootstrap-authentication') !== 'true') return []
      const extra = text(secret, 'auth-extra-groups')
        .split(',')
        .filter((group) => group !== '' && !group.startsWith('system:bootstrappers:'))
      return [
        ...(text(secret, 'expiration') === '' ? [`${name} never ends`] : []),
        ...extra.map((group) => `${name} is in ${group}`),
      ]
    })
    const bound = await boundSubjects(
      evidence,
      ({ kind, name }) => kind === 'User' && name.startsWith('system:bootstrap:'),
    )
    return warnOn([...findings, ...bound], `${items.length} bootstrap tokens, for nodes alone`)
  },
}

const policyFile: Check = createProcessCheck(({ apiServer }) => apiServer)('3.2.1', 'There is an audit policy', [
  namesFile('audit-policy-file'),
])

const person = { name: 'somebody', uid: '', groups: ['system:authenticated'], extra: {} }

interface Concern {
  readonly what: string
  readonly method: string
  readonly path: string
  /** Its body must not be in the log. */
  readonly isConfidential?: boolean
}

const concerns: readonly Concern[] = [
  ...['secrets', 'configmaps'].flatMap((resource) => [
    { what: `reading ${resource}`, method: 'GET', path: `/api/v1/namespaces/x/${resource}/y`, isConfidential: true },
    { what: `writing ${resource}`, method: 'PUT', path: `/api/v1/namespaces/x/${resource}/y`, isConfidential: true },
  ]),
  {
    what: 'token reviews',
    method: 'POST',
    path: '/apis/authentication.k8s.io/v1/tokenreviews',
    isConfidential: true,
  },
  {
    what: 'token requests',
    method: 'POST',
    path: '/api/v1/namespaces/x/serviceaccounts/y/token',
    isConfidential: true,
  },
  { what: 'changes of Pods', method: 'PATCH', path: '/api/v1/namespaces/x/pods/y' },
  { what: 'changes of Deployments', method: 'DELETE', path: '/apis/apps/v1/namespaces/x/deployments/y' },
  { what: 'exec', method: 'POST', path: '/api/v1/namespaces/x/pods/y/exec' },
  { what: 'port-forward', method: 'POST', path: '/api/v1/namespaces/x/pods/y/portforward' },
  { what: 'the proxy of Pods', method: 'GET', path: '/api/v1/namespaces/x/pods/y/proxy/' },
  { what: 'the proxy of Services', method: 'GET', path: '/api/v1/namespaces/x/services/y/proxy/' },
]

/** Asks the policy, by the server's own rules, what it records of each. */
const policyCoverage: Check = {
  id: '3.2.2',
  title: 'The audit policy covers what matters, without what is confidential',
  run: ({ apiServer }) => {
    const file = apiServer.flags.get('audit-policy-file') ?? ''
    if (!existsSync(file)) return failOn(['there is no audit policy'])
    const evaluate = createPolicyEvaluator(parsePolicy(readFileSync(file, 'utf8')).policy)
    const problems = concerns.flatMap(({ what, method, path, isConfidential }) => {
      const { level } = evaluate(person, parseRequestInfo(method, path, new URLSearchParams()))
      if (level === 'None') return [`${what}: nothing is recorded`]
      return isConfidential === true && level !== 'Metadata' ? [`${what}: recorded with content (${level})`] : []
    })
    return failOn(problems, `${concerns.length} kinds of requests`)
  },
}

export const controlPlaneConfiguration: Section = {
  id: '3',
  title: 'Control plane: logins and records',
  checks: [certificatesOfPeople, tokensOfPeople, bootstrapTokens, policyFile, policyCoverage],
}
