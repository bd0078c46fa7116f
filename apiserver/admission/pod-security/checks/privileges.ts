/** What a container may do: privileged, capabilities, privilege escalation, the mount of /proc. */
import { badContainers, type Check, type CheckPod, containersOf, containersText, distinct, quoted } from './check.ts'
import { unlessUserNamespace, unlessWindows } from './check.ts'

export const privileged: Check = {
  id: 'privileged',
  level: 'baseline',
  versions: [
    {
      since: 0,
      check: (pod) => {
        const bad = badContainers(pod, ({ securityContext }) => securityContext?.privileged === true)
        if (bad.length === 0) return undefined
        return { reason: 'privileged', detail: `${containersText(bad)} must not set securityContext.privileged=true` }
      },
    },
  ],
}

/** Capabilities that a container engine gives by default, without NET_RAW. */
const defaultCapabilities = new Set([
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
])

/** `container "a" must not include "X" in …`, or undefined where nothing but what is allowed is added. */
const addedBeyond = (pod: Parameters<CheckPod>[0], isAllowed: (name: string) => boolean): string | undefined => {
  const added = (container: ReturnType<typeof containersOf>[number]): string[] =>
    (container.securityContext?.capabilities?.add ?? []).filter((name) => !isAllowed(name))
  const bad = badContainers(pod, (container) => added(container).length > 0)
  if (bad.length === 0) return undefined
  const names = distinct(containersOf(pod).flatMap(added))
  return `${containersText(bad)} must not include ${quoted(names)} in securityContext.capabilities.add`
}

export const capabilitiesBaseline: Check = {
  id: 'capabilities_baseline',
  level: 'baseline',
  versions: [
    {
      since: 0,
      check: (pod) => {
        const detail = addedBeyond(pod, (name) => defaultCapabilities.has(name))
        return detail === undefined ? undefined : { reason: 'non-default capabilities', detail }
      },
    },
  ],
}

const dropsAllCapabilities: CheckPod = (pod) => {
  const undropped = badContainers(
    pod,
    ({ securityContext }) => securityContext?.capabilities?.drop?.includes('ALL') !== true,
  )
  const added = addedBeyond(pod, (name) => name === 'NET_BIND_SERVICE')
  const details = [
    ...(undropped.length > 0
      ? [`${containersText(undropped)} must set securityContext.capabilities.drop=["ALL"]`]
      : []),
    ...(added === undefined ? [] : [added]),
  ]
  return details.length === 0 ? undefined : { reason: 'unrestricted capabilities', detail: details.join('; ') }
}

export const capabilitiesRestricted: Check = {
  id: 'capabilities_restricted',
  level: 'restricted',
  versions: [
    { since: 22, check: dropsAllCapabilities, overrides: ['capabilities_baseline'] },
    { since: 25, check: unlessWindows(dropsAllCapabilities), overrides: ['capabilities_baseline'] },
  ],
}

const forbidsEscalation: CheckPod = (pod) => {
  const bad = badContainers(pod, ({ securityContext }) => securityContext?.allowPrivilegeEscalation !== false)
  if (bad.length === 0) return undefined
  return {
    reason: 'allowPrivilegeEscalation != false',
    detail: `${containersText(bad)} must set securityContext.allowPrivilegeEscalation=false`,
  }
}

export const allowPrivilegeEscalation: Check = {
  id: 'allowPrivilegeEscalation',
  level: 'restricted',
  versions: [
    { since: 8, check: forbidsEscalation },
    { since: 25, check: unlessWindows(forbidsEscalation) },
  ],
}

const masksProc: CheckPod = (pod) => {
  const unmasked = (container: ReturnType<typeof containersOf>[number]): string[] => {
    const mount = container.securityContext?.procMount
    return mount === undefined || mount === 'Default' ? [] : [mount]
  }
  const bad = badContainers(pod, (container) => unmasked(container).length > 0)
  if (bad.length === 0) return undefined
  const mounts = distinct(containersOf(pod).flatMap(unmasked))
  return {
    reason: 'procMount',
    detail: `${containersText(bad)} must not set securityContext.procMount to ${quoted(mounts)}`,
  }
}

export const procMount: Check = {
  id: 'procMount',
  level: 'baseline',
  versions: [
    { since: 0, check: masksProc },
    { since: 35, check: unlessUserNamespace(masksProc) },
  ],
}

export const procMountRestricted: Check = {
  id: 'procMount_restricted',
  level: 'restricted',
  versions: [{ since: 35, check: masksProc, overrides: ['procMount'] }],
}
