/** Gives Pods their service account and, unless opted out, its token as a projected volume. */
import type { Container, Pod, ServiceAccount, Volume } from '../../../api/types.ts'
import { sleep } from '../../../component-base/clock.ts'
import { randomSuffix } from '../../../component-base/random.ts'
import type { Resource } from '../../registry/resource.ts'
import { type AdmissionAttributes, type AdmissionPlugin, isResource } from '../admission.ts'
import { admissionForbidden } from '../forbidden.ts'

const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount'
const volumePrefix = 'kube-api-access-'
const defaultName = 'default'
/** The token's asked lifetime: an hour, and seven seconds that mark it as nobody's choice. */
const expirationSeconds = 3607
const mirrorAnnotation = 'kubernetes.io/config.mirror'
/** A new namespace gets its default account from a controller, in a moment. */
const defaultAccountWaitMs = 10_000
const pollMs = 50

const findAccount = async (
  accounts: Resource,
  namespace: string,
  name: string,
): Promise<ServiceAccount | undefined> => {
  let waitedMs = 0
  for (;;) {
    const entry = await accounts.store.getCached(`${namespace}/${name}`)
    if (entry !== undefined || name !== defaultName || waitedMs >= defaultAccountWaitMs) {
      return entry?.object as ServiceAccount | undefined
    }
    await sleep(pollMs)
    waitedMs += pollMs
  }
}

const tokenVolume = (name: string): Volume => ({
  name,
  projected: {
    defaultMode: 0o644,
    sources: [
      { serviceAccountToken: { expirationSeconds, path: 'token' } },
      { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
      {
        downwardAPI: {
          items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
        },
      },
    ],
  },
})

const mountToken = (pod: Pod): void => {
  const { spec } = pod
  if (spec === undefined) return
  const existing = spec.volumes?.find(({ name }) => name.startsWith(volumePrefix))
  const name = existing?.name ?? `${volumePrefix}${randomSuffix(5)}`
  let needed = false
  const mount = (container: Container): void => {
    if (container.volumeMounts?.some((candidate) => candidate.mountPath === mountPath) === true) return
    container.volumeMounts = [...(container.volumeMounts ?? []), { name, readOnly: true, mountPath }]
    needed = true
  }
  for (const container of [...(spec.initContainers ?? []), ...(spec.containers ?? [])]) mount(container)
  if (needed && existing === undefined) spec.volumes = [...(spec.volumes ?? []), tokenVolume(name)]
}

const checkMirrorPod = (attributes: AdmissionAttributes, pod: Pod): void => {
  if ((pod.spec?.serviceAccountName ?? '') !== '') {
    throw admissionForbidden(attributes, 'a mirror pod may not reference service accounts')
  }
}

export const serviceAccount = (accounts: Resource): AdmissionPlugin => ({
  name: 'ServiceAccount',
  operations: ['CREATE'],
  admit: async (attributes) => {
    if (!isResource(attributes, 'pods') || attributes.object === undefined) return
    const pod = attributes.object as Pod
    const { spec } = pod
    if (spec === undefined) return
    if (pod.metadata?.annotations?.[mirrorAnnotation] !== undefined) return checkMirrorPod(attributes, pod)
    const name = spec.serviceAccountName || defaultName
    spec.serviceAccountName = name
    spec.serviceAccount = name
    const account = await findAccount(accounts, attributes.namespace, name)
    if (account === undefined) {
      throw admissionForbidden(
        attributes,
        `error looking up service account ${attributes.namespace}/${name}: serviceaccount ${JSON.stringify(name)} not found`,
      )
    }
    if (spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true) mountToken(pod)
    if ((spec.imagePullSecrets ?? []).length === 0 && (account.imagePullSecrets ?? []).length > 0) {
      spec.imagePullSecrets = (account.imagePullSecrets ?? []).map((secret) => ({ ...secret }))
    }
  },
})
