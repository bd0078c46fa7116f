/** Restricted: not as root. */
import { badContainers, type Check, type CheckPod, containersText, settersText, unlessUserNamespace } from './check.ts'

const nonRoot: CheckPod = (pod) => {
  const ofPod = pod.spec.securityContext?.runAsNonRoot
  const explicit = badContainers(pod, ({ securityContext }) => securityContext?.runAsNonRoot === false)
  if (ofPod === false || explicit.length > 0) {
    return {
      reason: 'runAsNonRoot != true',
      detail: `${settersText(ofPod === false, explicit)} must not set securityContext.runAsNonRoot=false`,
    }
  }
  if (ofPod === true) return undefined
  const implicit = badContainers(pod, ({ securityContext }) => securityContext?.runAsNonRoot === undefined)
  if (implicit.length === 0) return undefined
  return {
    reason: 'runAsNonRoot != true',
    detail: `pod or ${containersText(implicit)} must set securityContext.runAsNonRoot=true`,
  }
}

export const runAsNonRoot: Check = {
  id: 'runAsNonRoot',
  level: 'restricted',
  versions: [
    { since: 0, check: nonRoot },
    { since: 35, check: unlessUserNamespace(nonRoot) },
  ],
}

const notUserZero: CheckPod = (pod) => {
  const byPod = pod.spec.securityContext?.runAsUser === 0
  const bad = badContainers(pod, ({ securityContext }) => securityContext?.runAsUser === 0)
  if (!byPod && bad.length === 0) return undefined
  return { reason: 'runAsUser=0', detail: `${settersText(byPod, bad)} must not set runAsUser=0` }
}

export const runAsUser: Check = {
  id: 'runAsUser',
  level: 'restricted',
  versions: [
    { since: 23, check: notUserZero },
    { since: 35, check: unlessUserNamespace(notUserZero) },
  ],
}
