/** 4: files of the nodes, kubelets, proxies. Every check is about all nodes. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { strongCipherSuites } from '../../component-base/tls/cipher-suites.ts'
import { type Check, failIfAny, notApplicable, type Problem, type Section } from './check.ts'
import { weakCipherProblem } from './ciphers.ts'
import { modesOf, ownersOf } from './control-plane-files.ts'
import type { Evidence, NodeEvidence } from './evidence.ts'
import { ask, type Credentials } from './probe.ts'
import { isOpen, type ProcessEvidence } from './process-evidence.ts'

type Paths = (evidence: Evidence) => readonly string[]

const ofNodes =
  (path: (node: NodeEvidence, evidence: Evidence) => readonly string[]): Paths =>
  (evidence) =>
    evidence.nodes.flatMap((node) => path(node, evidence))

/** What the supervisor starts a kubelet by. */
const service = ofNodes(({ name }, { layout }) => [layout.clusterFile, join(layout.run, `${name}-kubelet.pid`)])
const proxyConf = ofNodes(({ proxy }) => [proxy.flags.get('kubeconfig') ?? ''])
const kubeletConf = ofNodes(({ kubelet }) => [kubelet.flags.get('kubeconfig') ?? ''])
const kubeletConfig = ofNodes(({ kubelet }) => [kubelet.flags.get('config') ?? ''])
const clientCa: Paths = ({ layout }) => [join(layout.pki, 'ca.crt')]

export const nodeFiles: Section = {
  id: '4.1',
  title: 'Nodes: files',
  checks: [
    modesOf('4.1.1', 'kubelet specification: mode 600 or less', 0o600, service),
    ownersOf('4.1.2', 'kubelet specification: owned by root', service),
    modesOf('4.1.3', 'kube-proxy kubeconfig: mode 600 or less', 0o600, proxyConf),
    ownersOf('4.1.4', 'kube-proxy kubeconfig: owned by root', proxyConf),
    modesOf('4.1.5', 'kubelet.conf: mode 600 or less', 0o600, kubeletConf),
    ownersOf('4.1.6', 'kubelet.conf: owned by root', kubeletConf),
    modesOf('4.1.7', 'CA of clients: mode 644 or less', 0o644, clientCa),
    ownersOf('4.1.8', 'CA of clients: owned by root', clientCa),
    modesOf('4.1.9', 'kubelet configuration: mode 600 or less', 0o600, kubeletConfig),
    ownersOf('4.1.10', 'kubelet configuration: owned by root', kubeletConfig),
  ],
}

/** A setting as it is in force: of the command line, of the file that the kubelet read, or undefined. */
const settingOf = async ({ kubelet, configuration }: NodeEvidence, flag: string, field: string): Promise<unknown> => {
  const fromFlag = kubelet.flags.get(flag)
  if (fromFlag !== undefined) return fromFlag
  return field
    .split('.')
    .reduce<unknown>((value, part) => (value as Record<string, unknown> | undefined)?.[part], await configuration())
}

const shown = (value: unknown): string => (value === undefined ? 'not set' : JSON.stringify(value))

type NodeJudge = (node: NodeEvidence, evidence: Evidence) => Problem | Promise<Problem>

/** The first thing that is wrong with each node. */
const check = (id: string, title: string, judges: readonly NodeJudge[], detail = ''): Check => ({
  id,
  title,
  run: async (evidence) => {
    const look = async (node: NodeEvidence): Promise<Problem> => {
      for (const judge of judges) {
        const problem = await judge(node, evidence)
        if (problem !== undefined) return `${node.name}: ${problem}`
      }
      return undefined
    }
    return failIfAny(await Promise.all(evidence.nodes.map(look)), detail)
  },
})

/** A setting for which `isGood` must be true of its value as text; '' where it is not set. */
const setting =
  (flag: string, field: string, isGood: (value: string) => boolean): NodeJudge =>
  async (node) => {
    const value = await settingOf(node, flag, field)
    return isGood(value === undefined ? '' : String(value)) ? undefined : `${field} is ${shown(value)}`
  }

/** Asked for the node's Pods, a kubelet must answer with one of these codes. */
const answers =
  (who: string, credentials: (evidence: Evidence) => Credentials, code: number): NodeJudge =>
  async ({ address }, evidence) => {
    const answer = await ask(`https://${address}:10250/pods`, credentials(evidence))
    return answer.code === code ? undefined : `${who}: ${answer.code}, not ${code}`
  }

const opens = ({ listeners }: ProcessEvidence, allowed: readonly number[]): Problem => {
  const open = listeners().find((listener) => isOpen(listener) && !allowed.includes(listener.port))
  return open === undefined ? undefined : `it listens on ${open.address}:${open.port}`
}

const never = /^(0|0s|0m|0h)$/

const hostnameOverride: Check = {
  id: '4.2.7',
  title: 'The node has the name of its host',
  run: ({ nodes }) =>
    nodes.every(({ kubelet }) => !kubelet.flags.has('hostname-override'))
      ? failIfAny([])
      : notApplicable('several nodes are on this machine: each has a name of its own'),
}

const onlyStrong: NodeJudge = async (node) => {
  const value = await settingOf(node, 'tls-cipher-suites', 'tlsCipherSuites')
  const suites = Array.isArray(value) ? value.map(String) : String(value ?? '').split(',')
  const known: readonly string[] = strongCipherSuites
  const others = suites.filter((suite) => !known.includes(suite))
  return others.length === 0 ? undefined : `tlsCipherSuites is ${shown(value)}`
}

export const kubeletSection: Section = {
  id: '4.2',
  title: 'Nodes: kubelet',
  checks: [
    check('4.2.1', 'Requests without credentials are refused', [
      setting('anonymous-auth', 'authentication.anonymous.enabled', (value) => value === 'false'),
      answers('without credentials', () => ({}), 401),
    ]),
    check('4.2.2', 'Not everything is allowed', [
      setting('authorization-mode', 'authorization.mode', (value) => value === 'Webhook'),
      answers('as the scheduler', ({ credentials }) => credentials('scheduler'), 403),
    ]),
    check('4.2.3', 'Client certificates are of one CA', [
      setting('client-ca-file', 'authentication.x509.clientCAFile', (value) => value !== ''),
      answers('with a certificate of another CA', ({ credentials }) => credentials('front-proxy-client'), 401),
    ]),
    check('4.2.4', 'No port without credentials', [
      setting('read-only-port', 'readOnlyPort', (value) => value === '' || value === '0'),
      ({ kubelet }) => opens(kubelet, [10_250]),
    ]),
    check('4.2.5', 'Idle streams are cut', [
      setting(
        'streaming-connection-idle-timeout',
        'streamingConnectionIdleTimeout',
        (value) => value === '' || !never.test(value),
      ),
    ]),
    check('4.2.6', "The kubelet's rules of iptables are not switched off", [
      setting('make-iptables-util-chains', 'makeIPTablesUtilChains', (value) => value !== 'false'),
    ]),
    hostnameOverride,
    check('4.2.8', 'Events are recorded, at a bounded rate', [
      setting('event-qps', 'eventRecordQPS', (value) => value === '' || Number(value) > 0),
    ]),
    check('4.2.9', 'It serves with a certificate of the cluster', [
      async ({ address }, { layout, credentials }) => {
        const ca = readFileSync(join(layout.pki, 'ca.crt'), 'utf8')
        return ask(`https://${address}:10250/healthz`, { ...credentials('apiserver-kubelet-client'), ca }).then(
          () => undefined,
          (error: Error) => error.message,
        )
      },
    ]),
    check('4.2.10', 'Client certificates are rotated', [
      setting('rotate-certificates', 'rotateCertificates', (value) => value === 'true'),
    ]),
    check('4.2.11', 'Serving certificates may be rotated', [
      async (node) => {
        const gates = await settingOf(node, 'feature-gates', 'featureGates')
        return /RotateKubeletServerCertificate["=:]+false/.test(JSON.stringify(gates ?? ''))
          ? 'switched off'
          : undefined
      },
    ]),
    check('4.2.12', 'Strong ciphers only', [onlyStrong, ({ address }) => weakCipherProblem(address, 10_250)]),
    check('4.2.13', 'The processes of a Pod are bounded', [
      setting('pod-max-pids', 'podPidsLimit', (value) => Number(value) > 0),
    ]),
    check('4.2.14', 'Containers get the default seccomp profile', [
      setting('seccomp-default', 'seccompDefault', (value) => value === 'true'),
    ]),
  ],
}

export const proxySection: Section = {
  id: '4.3',
  title: 'Nodes: kube-proxy',
  checks: [
    check('4.3.1', 'Metrics are on the loopback address alone', [
      ({ proxy }) => {
        const port = Number((proxy.flags.get('metrics-bind-address') ?? '127.0.0.1:10249').split(':').at(-1))
        const open = proxy.listeners().find((listener) => listener.port === port && isOpen(listener))
        return open === undefined ? undefined : `metrics are on ${open.address}:${open.port}`
      },
    ]),
  ],
}
