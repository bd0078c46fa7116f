/** 2: the store. */
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { EtcdClient } from '../../component-base/etcd/client.ts'
import { type Check, failIfAny, notApplicable, type Problem, type Section, type Verdict } from './check.ts'
import type { Evidence } from './evidence.ts'
import { is, namesFile } from './flags.ts'
import type { Credentials } from './probe.ts'
import { isOpen, type ProcessEvidence } from './process-evidence.ts'

type Judge = (etcd: ProcessEvidence, evidence: Evidence) => Problem | Promise<Problem>

/** Judges look one after the other, until one finds something. */
const check = (id: string, title: string, judges: readonly Judge[], detail = ''): Check => ({
  id,
  title,
  run: async (evidence): Promise<Verdict> => {
    const { etcd } = evidence
    if (etcd === undefined) return notApplicable('etcd is run by somebody else')
    for (const judge of judges) {
      const problem = await judge(etcd, evidence)
      if (problem !== undefined) return failIfAny([problem])
    }
    return failIfAny([], detail)
  },
})

/** Whether a client with these credentials is let in. */
const isLetIn = async ({ config }: Evidence, etcd: ProcessEvidence, who: Credentials): Promise<boolean> => {
  const ca = readFileSync(etcd.flags.get('trusted-ca-file') ?? '', 'utf8')
  using client = new EtcdClient({
    endpoints: [`https://127.0.0.1:${config.controlPlane.etcdPort}`],
    tls: { ca, ...(who.cert !== undefined && who.key !== undefined && { cert: who.cert, key: who.key }) },
  })
  return await client.status({ timeoutMs: 3_000 }).then(
    () => true,
    () => false,
  )
}

const refusesWithoutCertificate: Judge = async (etcd, evidence) => {
  if (!(await isLetIn(evidence, etcd, evidence.credentials('etcd/healthcheck-client')))) {
    return 'its own health check is not let in'
  }
  return (await isLetIn(evidence, etcd, {})) ? 'clients without a certificate are let in' : undefined
}

const refusesOtherAuthorities: Judge = async (etcd, evidence) =>
  (await isLetIn(evidence, etcd, evidence.credentials('super-admin')))
    ? 'a client certificate of the cluster CA is let in'
    : undefined

const hasAuthorityOfItsOwn: Judge = ({ flags }, { apiServer }) => {
  const own = readFileSync(flags.get('trusted-ca-file') ?? '')
  const clusters = readFileSync(apiServer.flags.get('client-ca-file') ?? '')
  const [a, b] = [own, clusters].map((pem) => new X509Certificate(pem).fingerprint256)
  return a === b ? 'etcd and the API server trust the same CA' : undefined
}

/** Nobody can talk to it as a peer: it listens for clients and for its metrics, and nowhere else. */
const hasNoPeers: Judge = ({ listeners }, { config }) => {
  const { etcdPort, etcdMetricsPort } = config.controlPlane
  const other = listeners().find(({ port }) => port !== etcdPort && port !== etcdMetricsPort)
  return other === undefined ? undefined : `it listens on ${other.address}:${other.port} as well`
}

const listensAtHome: Judge = ({ listeners }) => {
  const open = listeners().find(isOpen)
  return open === undefined ? undefined : `it listens on ${open.address}:${open.port}`
}

const noPeers = 'a store of one process: nothing listens for peers'

export const etcdSection: Section = {
  id: '2',
  title: 'etcd',
  checks: [
    check('2.1', 'It serves with a certificate', [namesFile('cert-file'), namesFile('key-file'), listensAtHome]),
    check('2.2', 'Clients must show a certificate', [
      is('client-cert-auth', 'true', 'false'),
      namesFile('trusted-ca-file'),
      refusesWithoutCertificate,
    ]),
    check('2.3', 'No certificates that it makes itself', [is('auto-tls', 'false', 'false')]),
    check('2.4', 'It shows peers a certificate', [hasNoPeers], noPeers),
    check('2.5', 'Peers must show a certificate', [hasNoPeers], noPeers),
    check('2.6', 'No peer certificates that it makes itself', [is('peer-auto-tls', 'false', 'false')]),
    check('2.7', 'It has a CA of its own', [
      namesFile('trusted-ca-file'),
      hasAuthorityOfItsOwn,
      refusesOtherAuthorities,
    ]),
  ],
}
