/** Every check of the Pod Security Standards, with what it says in every version. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Container, Pod } from '../../../api/types.ts'
import { checks, detailsText, evaluatePod } from './evaluator.ts'
import type { Level, PolicyVersion } from './policy.ts'

const restrictedContext = () => ({ allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } })

/** A Pod that no policy objects to. */
const aPod = () => ({
  metadata: { name: 'p', annotations: {} as Record<string, string> },
  spec: {
    securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } } as NonNullable<
      NonNullable<Pod['spec']>['securityContext']
    >,
    initContainers: [{ name: 'i', image: 'i', securityContext: restrictedContext() }] as Container[],
    containers: [{ name: 'c', image: 'c', securityContext: restrictedContext() }] as Container[],
  } as NonNullable<Pod['spec']>,
})
type TestPod = ReturnType<typeof aPod>

const first = (pod: TestPod): Container => pod.spec.containers[0] as Container
const context = (pod: TestPod) => (first(pod).securityContext ??= {})
const podContext = (pod: TestPod) => (pod.spec.securityContext ??= {})

/** From the first minor version to the one before the second; says nothing at any other. */
type Segment = readonly [from: number, until: number, says: string]
const ever = 99
const always = (says: string): Segment[] => [[0, ever, says]]
const from = (version: number, says: string): Segment[] => [[version, ever, says]]

interface Case {
  readonly title: string
  readonly change: (pod: TestPod) => void
  readonly baseline?: readonly Segment[]
  readonly restricted?: readonly Segment[]
}

const both = (segments: readonly Segment[]) => ({ baseline: segments, restricted: segments })

const cases: readonly Case[] = [
  { title: 'nothing', change: () => {} },
  {
    title: 'hostNetwork, hostPID and hostIPC',
    change: ({ spec }) => Object.assign(spec, { hostNetwork: true, hostPID: true, hostIPC: true }),
    ...both(always('host namespaces (hostNetwork=true, hostPID=true, hostIPC=true)')),
  },
  { title: 'hostNetwork: false', change: ({ spec }) => Object.assign(spec, { hostNetwork: false }) },
  {
    title: 'a hostPath volume, which is one of the restricted types too',
    change: ({ spec }) => (spec.volumes = [{ name: 'v', hostPath: { path: '/' } }]),
    baseline: always('hostPath volumes (volume "v")'),
    restricted: always('restricted volume types (volume "v" uses restricted volume type "hostPath")'),
  },
  {
    title: 'volumes of the host and of the network',
    change: ({ spec }) =>
      (spec.volumes = [
        { name: 'a', nfs: { server: 's', path: '/' } },
        { name: 'b', gitRepo: { repository: 'r' } },
        { name: 'c', emptyDir: {} },
        { name: 'd' },
      ]),
    restricted: always(
      'restricted volume types (volumes "a", "b", "d" use restricted volume types "gitRepo", "nfs", "unknown")',
    ),
  },
  {
    title: 'volumes that anybody may use',
    change: ({ spec }) =>
      (spec.volumes = [
        { name: 'a', configMap: {} },
        { name: 'b', csi: { driver: 'd' } },
        { name: 'c', downwardAPI: {} },
        { name: 'd', ephemeral: {} },
        { name: 'e', image: {} },
        { name: 'f', persistentVolumeClaim: { claimName: 'c' } },
        { name: 'g', projected: {} },
        { name: 'h', secret: {} },
      ]),
  },
  {
    title: 'host ports',
    change: ({ spec }) => {
      for (const [index, container] of [...(spec.initContainers ?? []), ...spec.containers].entries())
        container.ports = [{ containerPort: 80, hostPort: 80 - index }, { containerPort: 81 }]
    },
    ...both(always('hostPort (containers "i", "c" use hostPorts 79, 80)')),
  },
  {
    title: 'a host port of 0',
    change: (pod) => (first(pod).ports = [{ containerPort: 80, hostPort: 0 }]),
  },
  {
    title: 'a probe of another host',
    change: (pod) => (first(pod).livenessProbe = { httpGet: { port: 80, host: '169.254.169.254' } }),
    ...both(from(34, 'probe or lifecycle host (container "c" uses probe or lifecycle host "169.254.169.254")')),
  },
  {
    title: 'probes and lifecycle hooks of other hosts',
    change: (pod) => {
      first(pod).readinessProbe = { tcpSocket: { port: 80, host: 'b' } }
      first(pod).startupProbe = { tcpSocket: { port: 80, host: '' } }
      first(pod).lifecycle = { postStart: { httpGet: { port: 80, host: 'a' } }, preStop: { exec: { command: ['x'] } } }
    },
    ...both(from(34, 'probe or lifecycle host (container "c" uses probe or lifecycle hosts "a", "b")')),
  },
  {
    title: 'privileged containers, an ephemeral one among them',
    change: (pod) => {
      context(pod).privileged = true
      pod.spec.ephemeralContainers = [
        { name: 'e', image: 'e', securityContext: { ...restrictedContext(), privileged: true } },
      ]
    },
    ...both(always('privileged (containers "c", "e" must not set securityContext.privileged=true)')),
  },
  {
    title: 'NET_RAW, which no level allows',
    change: (pod) => (context(pod).capabilities = { drop: ['ALL'], add: ['NET_RAW', 'CHOWN'] }),
    baseline: always(
      'non-default capabilities (container "c" must not include "NET_RAW" in securityContext.capabilities.add)',
    ),
    restricted: [
      [
        0,
        22,
        'non-default capabilities (container "c" must not include "NET_RAW" in securityContext.capabilities.add)',
      ],
      [
        22,
        ever,
        'unrestricted capabilities (container "c" must not include "CHOWN", "NET_RAW" in securityContext.capabilities.add)',
      ],
    ],
  },
  {
    title: 'NET_BIND_SERVICE, which every level allows',
    change: (pod) => (context(pod).capabilities = { drop: ['ALL'], add: ['NET_BIND_SERVICE'] }),
  },
  {
    title: 'capabilities that are not dropped, and more added',
    change: (pod) => (context(pod).capabilities = { drop: ['CHOWN'], add: ['KILL'] }),
    restricted: from(
      22,
      'unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]; container "c" must not include "KILL" in securityContext.capabilities.add)',
    ),
  },
  {
    title: 'no word on capabilities in two containers',
    change: ({ spec }) => {
      for (const container of [...(spec.initContainers ?? []), ...spec.containers])
        delete container.securityContext?.capabilities
    },
    restricted: from(
      22,
      'unrestricted capabilities (containers "i", "c" must set securityContext.capabilities.drop=["ALL"])',
    ),
  },
  {
    title: 'no word on privilege escalation',
    change: (pod) => delete context(pod).allowPrivilegeEscalation,
    restricted: from(
      8,
      'allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false)',
    ),
  },
  {
    title: 'Windows, which has no such fields',
    change: (pod) => {
      pod.spec.os = { name: 'windows' }
      pod.spec.securityContext = { runAsNonRoot: true }
      pod.spec.initContainers = []
      first(pod).securityContext = {}
    },
    restricted: [
      [
        8,
        19,
        'allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false)',
      ],
      [
        19,
        22,
        'allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false), seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
      ],
      [
        22,
        25,
        'allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]), seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
      ],
    ],
  },
  {
    title: 'host processes of Windows',
    change: (pod) => {
      podContext(pod).windowsOptions = { hostProcess: true }
      context(pod).windowsOptions = { hostProcess: true }
    },
    ...both(always('hostProcess (pod and container "c" must not set securityContext.windowsOptions.hostProcess=true)')),
  },
  {
    title: 'an unmasked /proc',
    change: (pod) => (context(pod).procMount = 'Unmasked'),
    ...both(always('procMount (container "c" must not set securityContext.procMount to "Unmasked")')),
  },
  {
    title: 'an unmasked /proc in a user namespace',
    change: (pod) => {
      pod.spec.hostUsers = false
      context(pod).procMount = 'Unmasked'
    },
    baseline: [[0, 35, 'procMount (container "c" must not set securityContext.procMount to "Unmasked")']],
    restricted: always('procMount (container "c" must not set securityContext.procMount to "Unmasked")'),
  },
  {
    title: 'a user namespace that is the host’s',
    change: (pod) => {
      pod.spec.hostUsers = true
      podContext(pod).runAsUser = 0
    },
    restricted: from(23, 'runAsUser=0 (pod must not set runAsUser=0)'),
  },
  {
    title: 'root in a user namespace',
    change: (pod) => {
      pod.spec.hostUsers = false
      podContext(pod).runAsUser = 0
      podContext(pod).runAsNonRoot = false
    },
    restricted: [
      [0, 23, 'runAsNonRoot != true (pod must not set securityContext.runAsNonRoot=false)'],
      [
        23,
        35,
        'runAsNonRoot != true (pod must not set securityContext.runAsNonRoot=false), runAsUser=0 (pod must not set runAsUser=0)',
      ],
    ],
  },
  {
    title: 'no word on root',
    change: (pod) => delete podContext(pod).runAsNonRoot,
    restricted: always('runAsNonRoot != true (pod or containers "i", "c" must set securityContext.runAsNonRoot=true)'),
  },
  {
    title: 'no word on root by the Pod, but by its containers',
    change: ({ spec }) => {
      delete spec.securityContext?.runAsNonRoot
      for (const container of [...(spec.initContainers ?? []), ...spec.containers])
        container.securityContext = { ...container.securityContext, runAsNonRoot: true }
    },
  },
  {
    title: 'a container that may be root where the Pod may not',
    change: (pod) => (context(pod).runAsNonRoot = false),
    restricted: always('runAsNonRoot != true (container "c" must not set securityContext.runAsNonRoot=false)'),
  },
  {
    title: 'user 0 in a container',
    change: (pod) => (context(pod).runAsUser = 0),
    restricted: from(23, 'runAsUser=0 (container "c" must not set runAsUser=0)'),
  },
  {
    title: 'AppArmor unconfined, by fields and by annotation',
    change: (pod) => {
      pod.metadata.annotations['container.apparmor.security.beta.kubernetes.io/c'] = 'unconfined'
      podContext(pod).appArmorProfile = { type: 'Unconfined' }
      context(pod).appArmorProfile = { type: 'Unconfined' }
    },
    ...both(
      always(
        'forbidden AppArmor profiles (pod and container "c" and annotation must not set AppArmor profile type to "Unconfined", "container.apparmor.security.beta.kubernetes.io/c="unconfined"")',
      ),
    ),
  },
  {
    title: 'AppArmor profiles of the node',
    change: (pod) => {
      pod.metadata.annotations['container.apparmor.security.beta.kubernetes.io/c'] = 'localhost/mine'
      context(pod).appArmorProfile = { type: 'Localhost', localhostProfile: 'mine' }
    },
  },
  {
    title: 'SELinux types, users and roles',
    change: (pod) => {
      podContext(pod).seLinuxOptions = { type: 'spc_t', user: 'u' }
      context(pod).seLinuxOptions = { role: 'r', level: 's0' }
    },
    ...both(
      always(
        'seLinuxOptions (pod and container "c" set forbidden securityContext.seLinuxOptions: type "spc_t"; user may not be set; role may not be set)',
      ),
    ),
  },
  {
    title: 'the SELinux type of container engines',
    change: (pod) => (context(pod).seLinuxOptions = { type: 'container_engine_t' }),
    ...both([
      [0, 31, 'seLinuxOptions (container "c" set forbidden securityContext.seLinuxOptions: type "container_engine_t")'],
    ]),
  },
  {
    title: 'other SELinux types for containers',
    change: (pod) => (context(pod).seLinuxOptions = { type: 'container_kvm_t' }),
  },
  {
    title: 'seccomp unconfined by annotation, which 1.19 stopped to read',
    change: (pod) => {
      pod.metadata.annotations['seccomp.security.alpha.kubernetes.io/pod'] = 'unconfined'
      pod.metadata.annotations['container.seccomp.security.alpha.kubernetes.io/c'] = 'unconfined'
      pod.metadata.annotations['container.seccomp.security.alpha.kubernetes.io/other'] = 'unconfined'
    },
    ...both([
      [
        0,
        19,
        'seccompProfile (forbidden annotations container.seccomp.security.alpha.kubernetes.io/c="unconfined", seccomp.security.alpha.kubernetes.io/pod="unconfined")',
      ],
    ]),
  },
  {
    title: 'seccomp unconfined',
    change: (pod) => {
      podContext(pod).seccompProfile = { type: 'Unconfined' }
      context(pod).seccompProfile = { type: 'Unconfined' }
    },
    ...both(
      from(
        19,
        'seccompProfile (pod and container "c" must not set securityContext.seccompProfile.type to "Unconfined")',
      ),
    ),
  },
  {
    title: 'no word on seccomp but in one container',
    change: (pod) => {
      delete podContext(pod).seccompProfile
      context(pod).seccompProfile = { type: 'Localhost', localhostProfile: 'mine.json' }
    },
    restricted: from(
      19,
      'seccompProfile (pod or container "i" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
    ),
  },
  {
    title: 'a sysctl that is never safe',
    change: (pod) => (podContext(pod).sysctls = [{ name: 'kernel.msgmax', value: '1' }]),
    ...both(always('forbidden sysctls (kernel.msgmax)')),
  },
  {
    title: 'sysctls that became safe',
    change: (pod) =>
      (podContext(pod).sysctls = [
        { name: 'net.ipv4.tcp_syncookies', value: '1' },
        { name: 'net.ipv4.ip_local_reserved_ports', value: '1' },
        { name: 'net.ipv4.tcp_keepalive_time', value: '1' },
        { name: 'net.ipv4.tcp_rmem', value: '1' },
      ]),
    ...both([
      [0, 27, 'forbidden sysctls (net.ipv4.ip_local_reserved_ports, net.ipv4.tcp_keepalive_time, net.ipv4.tcp_rmem)'],
      [27, 29, 'forbidden sysctls (net.ipv4.tcp_keepalive_time, net.ipv4.tcp_rmem)'],
      [29, 32, 'forbidden sysctls (net.ipv4.tcp_rmem)'],
    ]),
  },
]

const versions: readonly PolicyVersion[] = [...Array.from({ length: 40 }, (_, minor) => minor), 'latest']

const expected = (segments: readonly Segment[] = [], version: PolicyVersion): string => {
  const minor = version === 'latest' ? ever - 1 : version
  return segments.find(([since, until]) => since <= minor && minor < until)?.[2] ?? ''
}

describe('the checks of Pod Security', () => {
  for (const { title, change, ...levels } of cases) {
    for (const level of ['baseline', 'restricted'] as const) {
      it(`${level} judges ${title}`, () => {
        const pod = aPod()
        change(pod)
        for (const version of versions) {
          const said = detailsText(evaluatePod({ level, version }, pod))
          assert.equal(said, expected(levels[level], version), `in version ${version}`)
        }
      })
    }
  }

  it('privileged allows everything', () => {
    for (const { change } of cases) {
      const pod = aPod()
      change(pod)
      for (const version of versions)
        assert.deepEqual(evaluatePod({ level: 'privileged' satisfies Level, version }, pod), [])
    }
  })

  it('are ordered by level and id, and every override is of a baseline check', () => {
    const ids = (level: string) => checks.filter((check) => check.level === level).map(({ id }) => id)
    const sorted = (names: readonly string[]) => names.toSorted((a, b) => (a < b ? -1 : 1))
    assert.deepEqual(
      checks.map(({ id }) => id),
      [...sorted(ids('baseline')), ...sorted(ids('restricted'))],
    )
    for (const { level, versions: forms } of checks) {
      for (const id of forms.flatMap(({ overrides = [] }) => overrides)) {
        assert.equal(level, 'restricted')
        assert.ok(ids('baseline').includes(id), id)
      }
    }
  })
})
