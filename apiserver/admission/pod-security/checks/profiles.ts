/** Baseline: AppArmor and SELinux may be narrowed, not opened. */
import type { Container } from '../../../../api/types.ts'
import {
  badContainers,
  type Check,
  type CheckPod,
  containersOf,
  distinct,
  plural,
  quoted,
  settersText,
} from './check.ts'

const appArmorAnnotation = 'container.apparmor.security.beta.kubernetes.io/'
const appArmorTypes = new Set(['RuntimeDefault', 'Localhost'])

const isAllowedAnnotation = (value: string): boolean =>
  value === '' || value === 'runtime/default' || value.startsWith('localhost/')

type AppArmored = { readonly appArmorProfile?: { readonly type: string } | undefined } | undefined

const badAppArmor = (context: AppArmored): string[] => {
  const profile = context?.appArmorProfile
  return profile === undefined || appArmorTypes.has(profile.type) ? [] : [profile.type]
}

export const appArmorProfile: Check = {
  id: 'appArmorProfile',
  level: 'baseline',
  versions: [
    {
      since: 0,
      check: (pod) => {
        const ofPod = badAppArmor(pod.spec.securityContext)
        const ofContainer = ({ securityContext }: Container): string[] => badAppArmor(securityContext)
        const bad = badContainers(pod, (container) => ofContainer(container).length > 0)
        const annotations = Object.entries(pod.metadata.annotations ?? {})
          .filter(([name, value]) => name.startsWith(appArmorAnnotation) && !isAllowedAnnotation(value))
          .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
          .toSorted()
        const values = [...distinct([...ofPod, ...containersOf(pod).flatMap(ofContainer)]), ...annotations]
        if (values.length === 0) return undefined
        const setters = [
          settersText(ofPod.length > 0, bad),
          annotations.length === 0 ? '' : plural(annotations.length, 'annotation'),
        ]
        return {
          reason: plural(values.length, 'forbidden AppArmor profile'),
          detail: `${setters.filter(Boolean).join(' and ')} must not set AppArmor profile type to ${quoted(values)}`,
        }
      },
    },
  ],
}

type Labelled =
  | { readonly seLinuxOptions?: { readonly type?: string; readonly user?: string; readonly role?: string } | undefined }
  | undefined

const seLinux =
  (allowedTypes: ReadonlySet<string>): CheckPod =>
  (pod) => {
    const isBad = (context: Labelled): boolean => {
      const { type = '', user = '', role = '' } = context?.seLinuxOptions ?? {}
      return !allowedTypes.has(type) || user !== '' || role !== ''
    }
    const byPod = isBad(pod.spec.securityContext)
    const bad = badContainers(pod, ({ securityContext }) => isBad(securityContext))
    if (!byPod && bad.length === 0) return undefined
    const options = [pod.spec.securityContext, ...containersOf(pod).map(({ securityContext }) => securityContext)].map(
      (context) => context?.seLinuxOptions,
    )
    const types = distinct(options.map((option) => option?.type ?? '').filter((type) => !allowedTypes.has(type)))
    const problems = [
      ...(types.length > 0 ? [`${plural(types.length, 'type')} ${quoted(types)}`] : []),
      ...(options.some((option) => (option?.user ?? '') !== '') ? ['user may not be set'] : []),
      ...(options.some((option) => (option?.role ?? '') !== '') ? ['role may not be set'] : []),
    ]
    return {
      reason: 'seLinuxOptions',
      detail: `${settersText(byPod, bad)} set forbidden securityContext.seLinuxOptions: ${problems.join('; ')}`,
    }
  }

const seLinuxTypes = ['', 'container_t', 'container_init_t', 'container_kvm_t']

export const seLinuxOptions: Check = {
  id: 'seLinuxOptions',
  level: 'baseline',
  versions: [
    { since: 0, check: seLinux(new Set(seLinuxTypes)) },
    { since: 31, check: seLinux(new Set([...seLinuxTypes, 'container_engine_t'])) },
  ],
}
