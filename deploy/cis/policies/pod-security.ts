/** 5.2: what Pods may ask for. The Pods that run are judged by the admission plugin's own checks. */
import { randomUUID } from 'node:crypto'
import { isReason } from '../../../api/meta/status-error.ts'
import { namespaces } from '../../../api/resources.ts'
import type { Namespace, Pod } from '../../../api/types.ts'
import type { CheckPod } from '../../../apiserver/admission/pod-security/checks/check.ts'
import { checks } from '../../../apiserver/admission/pod-security/evaluator.ts'
import { type Check, fail, type Problem, type Section, warnOn } from '../check.ts'
import type { Evidence } from '../evidence.ts'
import { containersOf, podName, userNamespaces, userPods } from './workloads.ts'

const enforce = 'pod-security.kubernetes.io/enforce'

/** A level that does not exist is refused by the plugin alone: nobody else knows the label. Nothing is changed. */
const pluginProblem = async ({ api }: Evidence): Promise<Problem> => {
  const body = { metadata: { labels: { [enforce]: `no-level-${randomUUID().slice(0, 8)}` } } }
  try {
    await api.patch<Namespace>(namespaces, 'default', undefined, body, { type: 'merge', dryRun: true })
    return 'Pod Security admission does not look at namespaces: is the plugin PodSecurity off?'
  } catch (error) {
    return isReason(error, 'Invalid') ? undefined : `unexpected: ${String(error)}`
  }
}

const control: Check = {
  id: '5.2.1',
  title: 'Namespaces with workloads have a policy for Pods',
  run: async (evidence) => {
    const problem = await pluginProblem(evidence)
    if (problem !== undefined) return fail(problem)
    const used = new Set((await userPods(evidence)).map(({ metadata }) => metadata?.namespace))
    const open = (await userNamespaces(evidence)).filter(
      ({ metadata }) => used.has(metadata?.name) && metadata?.labels?.[enforce] === undefined,
    )
    const advice = (name: string | undefined): string =>
      `namespace ${name}: kubectl label ns ${name} ${enforce}=baseline`
    return warnOn(
      open.map(({ metadata }) => advice(metadata?.name)),
      'Pod Security admission is active',
    )
  },
}

/** The youngest form of one of the plugin's checks. */
const pluginCheck = (id: string): CheckPod => {
  const form = checks.find((candidate) => candidate.id === id)?.versions.at(-1)
  if (form === undefined) throw new Error(`there is no check ${id} of Pod Security`)
  return form.check
}

/** Warns of users' Pods for which `finding` has something to say. */
const podsWith = (id: string, title: string, finding: (pod: Pod) => Problem): Check => ({
  id,
  title,
  run: async (evidence) =>
    warnOn(
      (await userPods(evidence)).flatMap((pod) => {
        const found = finding(pod)
        return found === undefined ? [] : [`${podName(pod)}: ${found}`]
      }),
    ),
})

/** What the plugin says of a Pod. */
const violates = (check: string): ((pod: Pod) => Problem) => {
  const judge = pluginCheck(check)
  return ({ metadata = {}, spec = { containers: [] } }) => {
    const found = judge({ metadata, spec })
    return found === undefined ? undefined : `${found.reason} ${found.detail}`.trim()
  }
}

const shares =
  (field: 'hostPID' | 'hostIPC' | 'hostNetwork') =>
  ({ spec }: Pod): Problem =>
    spec?.[field] === true ? `${field}: true` : undefined

/** NET_RAW is among what the engine gives unless it is dropped. */
const hasNetRaw = (pod: Pod): Problem => {
  const found = containersOf(pod).find(({ securityContext }) => {
    const { add = [], drop = [] } = securityContext?.capabilities ?? {}
    return add.includes('NET_RAW') || !(drop.includes('ALL') || drop.includes('NET_RAW'))
  })
  return found === undefined ? undefined : `container ${found.name} has NET_RAW`
}

export const podSecuritySection: Section = {
  id: '5.2',
  title: 'Policies: Pods',
  checks: [
    control,
    podsWith('5.2.2', 'No privileged containers', violates('privileged')),
    podsWith('5.2.3', "No Pods in the node's PID namespace", shares('hostPID')),
    podsWith('5.2.4', "No Pods in the node's IPC namespace", shares('hostIPC')),
    podsWith('5.2.5', "No Pods in the node's network", shares('hostNetwork')),
    podsWith('5.2.6', 'No privilege escalation', violates('allowPrivilegeEscalation')),
    podsWith('5.2.7', 'No containers that run as root', violates('runAsNonRoot')),
    podsWith('5.2.8', 'No containers with NET_RAW', hasNetRaw),
    podsWith('5.2.9', 'No containers with capabilities', violates('capabilities_restricted')),
    podsWith('5.2.10', 'No HostProcess containers of Windows', violates('windowsHostProcess')),
    podsWith('5.2.11', 'No hostPath volumes', violates('hostPathVolumes')),
    podsWith('5.2.12', 'No host ports', violates('hostPorts')),
  ],
}
