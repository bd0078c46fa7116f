/** Seccomp: never unconfined (baseline), and always stated (restricted). */
import {
  badContainers,
  type Check,
  type CheckPod,
  containersOf,
  containersText,
  distinct,
  plural,
  quoted,
} from './check.ts'
import { settersText, unlessWindows } from './check.ts'

const podAnnotation = 'seccomp.security.alpha.kubernetes.io/pod'
const containerAnnotation = 'container.seccomp.security.alpha.kubernetes.io/'

const isAllowedAnnotation = (value: string): boolean =>
  value === 'runtime/default' || value === 'docker/default' || value.startsWith('localhost/')

/** Before 1.19 there were annotations only. */
const byAnnotation: CheckPod = (pod) => {
  const { annotations = {} } = pod.metadata
  const names = [podAnnotation, ...containersOf(pod).map(({ name }) => `${containerAnnotation}${name}`)]
  const forbidden = distinct(
    names.flatMap((name) => {
      const value = annotations[name]
      return value === undefined || isAllowedAnnotation(value) ? [] : [`${name}=${JSON.stringify(value)}`]
    }),
  )
  if (forbidden.length === 0) return undefined
  return {
    reason: 'seccompProfile',
    detail: `forbidden ${plural(forbidden.length, 'annotation')} ${forbidden.join(', ')}`,
  }
}

type Confined = { readonly seccompProfile?: { readonly type: string } | undefined } | undefined

const forbiddenTypes = (context: Confined): string[] => {
  const type = context?.seccompProfile?.type
  return type === undefined || type === 'RuntimeDefault' || type === 'Localhost' ? [] : [type]
}

const byField: CheckPod = (pod) => {
  const ofPod = forbiddenTypes(pod.spec.securityContext)
  const bad = badContainers(pod, ({ securityContext }) => forbiddenTypes(securityContext).length > 0)
  if (ofPod.length === 0 && bad.length === 0) return undefined
  const types = distinct([...ofPod, ...containersOf(pod).flatMap((c) => forbiddenTypes(c.securityContext))])
  return {
    reason: 'seccompProfile',
    detail: `${settersText(ofPod.length > 0, bad)} must not set securityContext.seccompProfile.type to ${quoted(types)}`,
  }
}

export const seccompProfileBaseline: Check = {
  id: 'seccompProfile_baseline',
  level: 'baseline',
  versions: [
    { since: 0, check: byAnnotation },
    { since: 19, check: byField },
  ],
}

const isStated: CheckPod = (pod) => {
  const forbidden = byField(pod)
  if (forbidden !== undefined) return forbidden
  if (pod.spec.securityContext?.seccompProfile !== undefined) return undefined
  const bad = badContainers(pod, ({ securityContext }) => securityContext?.seccompProfile === undefined)
  if (bad.length === 0) return undefined
  return {
    reason: 'seccompProfile',
    detail: `pod or ${containersText(bad)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"`,
  }
}

export const seccompProfileRestricted: Check = {
  id: 'seccompProfile_restricted',
  level: 'restricted',
  versions: [
    { since: 19, check: isStated, overrides: ['seccompProfile_baseline'] },
    { since: 25, check: unlessWindows(isStated), overrides: ['seccompProfile_baseline'] },
  ],
}
