/** 1.2: the API server, by its command line and by what it answers. */
import { randomUUID } from 'node:crypto'
import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs'
import { configMaps } from '../../api/resources.ts'
import { isReason } from '../../api/meta/status-error.ts'
import { parseDuration } from '../../component-base/flags/duration.ts'
import { strongCipherSuites } from '../../component-base/tls/cipher-suites.ts'
import { EtcdClient } from '../../component-base/etcd/client.ts'
import { type Check, failIfAny, notApplicable, pass, type Problem, type Section, warn } from './check.ts'
import { weakCipherProblem } from './ciphers.ts'
import { type Evidence, readYaml } from './evidence.ts'
import {
  createProcessCheck,
  excludes,
  includes,
  is,
  isAtLeast,
  isNotSet,
  isOneOf,
  isSet,
  type Judge,
  namesFile,
  type Probe,
} from './flags.ts'
import { ask } from './probe.ts'
import { listFlag, type ProcessEvidence } from './process-evidence.ts'
import { mayProblem } from './reviews.ts'

const check = createProcessCheck(({ apiServer }) => apiServer)

/** Nobody may do more than look whether the server lives. */
const anonymous: Check = {
  id: '1.2.1',
  title: 'Requests without credentials are refused, other than those about health',
  run: async ({ server }) => {
    const { code } = await ask(`${server}/api/v1/namespaces`)
    return failIfAny(
      [code === 401 ? undefined : `GET /api/v1/namespaces without credentials: ${code}, not 401`],
      '401 without credentials',
    )
  },
}

const externalIps: Check = {
  id: '1.2.3',
  title: 'DenyServiceExternalIPs is enabled',
  run: ({ apiServer }) =>
    listFlag(apiServer, 'enable-admission-plugins').includes('DenyServiceExternalIPs')
      ? pass()
      : warn(
          'off, so that externalIPs of Services work as they do by default; extraArgs of the cluster file enable it',
        ),
}

const alwaysPullImages: Check = {
  id: '1.2.11',
  title: 'AlwaysPullImages is enabled',
  run: ({ apiServer }) =>
    listFlag(apiServer, 'enable-admission-plugins').includes('AlwaysPullImages')
      ? pass()
      : notApplicable("images are those of this machine's Docker, which all nodes share: most are in no registry"),
}

/** The authorizers in their order, by flag or by file. */
const authorizersOf = ({ flags }: ProcessEvidence): readonly string[] => {
  const file = flags.get('authorization-config')
  if (file === undefined) return (flags.get('authorization-mode') ?? 'AlwaysAllow').split(',')
  const { authorizers } = readYaml(file)
  return Array.isArray(authorizers) ? (authorizers as { type?: string }[]).map(({ type = '' }) => type) : []
}

const authorizes =
  (name: string): Judge =>
  (process) =>
    authorizersOf(process).includes(name) ? undefined : `the authorizers are ${authorizersOf(process).join(', ')}`

const doesNotAuthorize =
  (name: string): Judge =>
  (process) =>
    authorizersOf(process).includes(name) ? `the authorizers are ${authorizersOf(process).join(', ')}` : undefined

/** The API server's own certificate opens every kubelet. */
const kubeletsAccept: Probe = async ({ nodes, credentials }) => {
  for (const { name, address } of nodes) {
    const { code } = await ask(`https://${address}:10250/healthz`, credentials('apiserver-kubelet-client'))
    if (code !== 200) return `the kubelet of ${name} answers its certificate with ${code}`
  }
  return undefined
}

const kubeletsAreSigned: Probe = async ({ nodes, apiServer, credentials }) => {
  const ca = readFileSync(apiServer.flags.get('kubelet-certificate-authority') ?? '', 'utf8')
  for (const { name, address } of nodes) {
    try {
      await ask(`https://${address}:10250/healthz`, { ...credentials('apiserver-kubelet-client'), ca })
    } catch (error) {
      return `the kubelet of ${name}: ${(error as Error).message}`
    }
  }
  return undefined
}

const nobodyMayReadSecrets: Probe = (evidence) =>
  mayProblem(evidence, { user: 'nobody', verb: 'get', resource: 'secrets' }, false)

const nodesMayReadThemselves: Probe = async (evidence) => {
  const [node] = evidence.nodes
  if (node === undefined) return undefined
  const user = { user: `system:node:${node.name}`, groups: ['system:nodes'] }
  return mayProblem(evidence, { ...user, verb: 'get', resource: 'nodes', name: node.name }, true)
}

const controllersMayByRole: Probe = (evidence) =>
  mayProblem(evidence, { user: 'system:kube-scheduler', verb: 'list', resource: 'pods' }, true)

/** A dry run in a namespace that does not exist. */
const missingNamespaceIsRefused: Probe = async ({ api }) => {
  const metadata = { name: 'cis', namespace: `cis-${randomUUID()}` }
  try {
    await api.create(configMaps, { metadata }, { dryRun: true })
    return 'an object can be made in a namespace that does not exist'
  } catch (error) {
    return isReason(error, 'NotFound') ? undefined : `unexpected: ${String(error)}`
  }
}

const noProfiles: Probe = async ({ server, credentials }) => {
  const { code } = await ask(`${server}/debug/pprof/`, credentials('admin'))
  return code === 404 ? undefined : `/debug/pprof/ answers ${code}`
}

const tailBytes = 1024 * 1024

/** The last of a file that may be large. */
const endOf = (path: string): string => {
  const file = openSync(path, 'r')
  try {
    const { size } = fstatSync(file)
    const buffer = Buffer.alloc(Math.min(size, tailBytes))
    return buffer.toString('utf8', 0, readSync(file, buffer, 0, buffer.length, size - buffer.length))
  } finally {
    closeSync(file)
  }
}

/** A request of our own is in the log. */
const auditLogHasUs: Probe = async ({ server, credentials, apiServer }) => {
  const id = randomUUID()
  const path = '/api/v1/namespaces/default/configmaps?limit=1'
  await ask(`${server}${path}`, { ...credentials('admin'), headers: { 'Audit-ID': id } })
  const log = apiServer.flags.get('audit-log-path') ?? ''
  for (let tries = 0; tries < 50; tries++) {
    if (endOf(log).includes(id)) return undefined
    await new Promise((resolve) => setTimeout(resolve, 20)) // the log is written behind the answer
  }
  return `${log} has no trace of a request that was just made`
}

const longestTimeoutMs = 300_000

const requestTimeout: Check = {
  id: '1.2.20',
  title: 'Requests are timed out',
  run: ({ apiServer }) => {
    const text = apiServer.flags.get('request-timeout') ?? '1m0s'
    const ms = parseDuration(text) ?? 0
    return failIfAny([ms > 0 && ms <= longestTimeoutMs ? undefined : `--request-timeout=${text}`], text)
  },
}

const strongProviders = ['aescbc', 'aesgcm', 'kms', 'secretbox']

/** What Secrets are written with: the first provider of the first entry that is about them. */
const providerOfSecrets = (path: string): string | undefined => {
  const entries = readYaml(path)['resources']
  if (!Array.isArray(entries)) return undefined
  const covers = ['secrets', '*.', '*.*']
  const entry = (entries as { resources?: string[]; providers?: object[] }[]).find(({ resources = [] }) =>
    resources.some((resource) => covers.includes(resource)),
  )
  return Object.keys(entry?.providers?.[0] ?? {})[0]
}

const encrypted = Buffer.from('k8s:enc:')
/** Looked at; a store may have very many. */
const mostSecrets = 500

/** Looks into the store itself; of an external etcd with the API server's own files. */
const storedSecretsAreEncrypted = async ({ apiServer }: Evidence): Promise<Problem> => {
  const { flags } = apiServer
  const file = (flag: string): string => readFileSync(flags.get(flag) ?? '', 'utf8')
  const isSecure = flags.has('etcd-cafile')
  using client = new EtcdClient({
    endpoints: listFlag(apiServer, 'etcd-servers'),
    ...(isSecure
      ? { tls: { ca: file('etcd-cafile'), cert: file('etcd-certfile'), key: file('etcd-keyfile') } }
      : { tls: undefined }),
  })
  const folder = `${flags.get('etcd-prefix') ?? '/registry'}/secrets`
  // All that begins with the folder's slash: '0' comes after it.
  const [key, rangeEnd] = [Buffer.from(`${folder}/`), Buffer.from(`${folder}0`)]
  const { kvs } = await client.range({ key, rangeEnd, limit: mostSecrets })
  const plain = kvs.find(({ value }) => !Buffer.from(value).subarray(0, encrypted.length).equals(encrypted))
  return plain === undefined ? undefined : `${Buffer.from(plain.key).toString()} lies in the store as it is`
}

const encryption: Check = {
  id: '1.2.28',
  title: 'Secrets are stored encrypted',
  run: async (evidence) => {
    const path = evidence.apiServer.flags.get('encryption-provider-config')
    if (path === undefined) return failIfAny(['--encryption-provider-config is not set'])
    const provider = providerOfSecrets(path) ?? 'none'
    if (!strongProviders.includes(provider)) return failIfAny([`new Secrets are written with provider ${provider}`])
    return failIfAny([await storedSecretsAreEncrypted(evidence)], provider)
  },
}

const tokensExtended = check('1.2.30', 'Tokens of service accounts are valid for no longer than they say', [
  is('service-account-extend-token-expiration', 'false', 'true'),
])

export const apiServerSection: Section = {
  id: '1.2',
  title: 'Control plane: API server',
  checks: [
    anonymous,
    check('1.2.2', 'No file of static tokens', [isNotSet('token-auth-file')]),
    externalIps,
    check(
      '1.2.4',
      'It shows kubelets a certificate',
      [namesFile('kubelet-client-certificate'), namesFile('kubelet-client-key')],
      kubeletsAccept,
    ),
    check('1.2.5', "It checks kubelets' certificates", [namesFile('kubelet-certificate-authority')], kubeletsAreSigned),
    check('1.2.6', 'Not everything is allowed', [doesNotAuthorize('AlwaysAllow')], nobodyMayReadSecrets),
    check('1.2.7', 'The Node authorizer is on', [authorizes('Node')], nodesMayReadThemselves),
    check('1.2.8', 'RBAC is on', [authorizes('RBAC')], controllersMayByRole),
    check('1.2.9', 'EventRateLimit is enabled', [
      includes('enable-admission-plugins', 'EventRateLimit'),
      namesFile('admission-control-config-file'),
    ]),
    check('1.2.10', 'AlwaysAdmit is not enabled', [excludes('enable-admission-plugins', 'AlwaysAdmit')]),
    alwaysPullImages,
    check('1.2.12', 'ServiceAccount is not disabled', [excludes('disable-admission-plugins', 'ServiceAccount')]),
    check(
      '1.2.13',
      'NamespaceLifecycle is not disabled',
      [excludes('disable-admission-plugins', 'NamespaceLifecycle')],
      missingNamespaceIsRefused,
    ),
    check('1.2.14', 'NodeRestriction is enabled', [includes('enable-admission-plugins', 'NodeRestriction')]),
    check('1.2.15', 'No profiling', [is('profiling', 'false', 'true')], noProfiles),
    check('1.2.16', 'An audit log is written', [isSet('audit-log-path')], auditLogHasUs),
    check('1.2.17', 'Audit logs are kept for 30 days or more', [isAtLeast('audit-log-maxage', 30)]),
    check('1.2.18', '10 old audit logs or more are kept', [isAtLeast('audit-log-maxbackup', 10)]),
    check('1.2.19', 'Audit logs have 100 MB or more', [isAtLeast('audit-log-maxsize', 100)]),
    requestTimeout,
    check('1.2.21', 'Tokens of deleted service accounts are refused', [is('service-account-lookup', 'true', 'true')]),
    check('1.2.22', 'Tokens are verified with a key of their own', [namesFile('service-account-key-file')]),
    check('1.2.23', 'It shows etcd a certificate', [namesFile('etcd-certfile'), namesFile('etcd-keyfile')]),
    check('1.2.24', 'It serves with a certificate', [namesFile('tls-cert-file'), namesFile('tls-private-key-file')]),
    check('1.2.25', 'Client certificates are of one CA', [namesFile('client-ca-file')]),
    check('1.2.26', "It checks etcd's certificate", [namesFile('etcd-cafile')]),
    check('1.2.27', 'Encryption of what is stored is configured', [namesFile('encryption-provider-config')]),
    encryption,
    check('1.2.29', 'Strong ciphers only', [isOneOf('tls-cipher-suites', strongCipherSuites)], ({ config }) =>
      weakCipherProblem('127.0.0.1', config.controlPlane.apiServerPort),
    ),
    tokensExtended,
  ],
}
