/** Gives Pods their service account and, unless opted out, its token as a projected volume. */
import type { Container, Pod, ServiceAccount, Volume } from '../../../api/types.ts'
import { sleep } from '../../../component-base/clock.ts'
import { randomSuffix } from '../../../component-base/random.ts'
import { podReferences } from '../../../api/core/pod/references.ts'
import type { Resource } from '../../registry/resource.ts'
import { type AdmissionAttributes, type AdmissionPlugin, isResource } from '../admission.ts'
import { admissionForbidden } from '../forbidden.ts'

const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount'
const volumePrefix = 'kube-api-access-'
const defaultName = 'default'
/** The token's asked lifetime: an hour, and seven seconds that mark it as nobody's choice. */
const expirationSeconds = 3607
const mirrorAnnotation = 'kubernetes.io/config.mirror'
const enforceAnnotation = 'kubernetes.io/enforce-mountable-secrets'
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

/** A mirror Pod shows what a node runs already: it gets nothing, and may name nothing of the namespace's. */
const checkMirrorPod = (attributes: AdmissionAttributes, pod: Pod): void => {
  if ((pod.spec?.serviceAccountName ?? '') !== '')
    throw admissionForbidden(attributes, 'a mirror pod may not reference service accounts')
  if (podReferences(pod).secrets) throw admissionForbidden(attributes, 'a mirror pod may not reference secrets')
  const sources = (pod.spec?.volumes ?? []).flatMap(({ projected }) => projected?.sources ?? [])
  if (sources.some(({ serviceAccountToken }) => serviceAccountToken !== undefined))
    throw admissionForbidden(attributes, 'a mirror pod may not use ServiceAccountToken volume projections')
}

/** Secrets that the Pod uses and its account does not list, as the sentence that says so. */
const unlistedSecret = ({ spec }: Pod, account: ServiceAccount): string | undefined => {
  const name = account.metadata?.name ?? ''
  const listed = new Set((account.secrets ?? []).map((secret) => secret.name))
  const not = `is not allowed because service account ${name} does not reference that`
  for (const { secret } of spec?.volumes ?? []) {
    if (secret !== undefined && !listed.has(secret.secretName))
      return `volume with secret.secretName="${secret.secretName}" ${not} secret`
  }
  for (const [what, containers] of [
    ['init container', spec?.initContainers ?? []],
    ['container', spec?.containers ?? []],
  ] as const) {
    for (const container of containers) {
      for (const { name: variable, valueFrom } of container.env ?? []) {
        const used = valueFrom?.secretKeyRef
        if (used !== undefined && !listed.has(used.name))
          return `${what} ${container.name} with envVar ${variable} referencing secret.secretName="${used.name}" ${not} secret`
      }
    }
  }
  const pullSecrets = new Set((account.imagePullSecrets ?? []).map((secret) => secret.name))
  const index = (spec?.imagePullSecrets ?? []).findIndex((secret) => !pullSecrets.has(secret.name))
  if (index < 0) return undefined
  return `imagePullSecrets[${index}].name="${spec?.imagePullSecrets?.[index]?.name}" ${not} imagePullSecret`
}

const enforces = ({ metadata }: ServiceAccount): boolean =>
  ['1', 't', 'T', 'true', 'TRUE', 'True'].includes(metadata?.annotations?.[enforceAnnotation] ?? '')

const accountOf = async (attributes: AdmissionAttributes, pod: Pod, accounts: Resource): Promise<ServiceAccount> => {
  const name = pod.spec?.serviceAccountName ?? ''
  const account = await findAccount(accounts, attributes.namespace, name)
  if (account !== undefined) return account
  throw admissionForbidden(
    attributes,
    `error looking up service account ${attributes.namespace}/${name}: serviceaccount ${JSON.stringify(name)} not found`,
  )
}

const check = async (attributes: AdmissionAttributes, pod: Pod, accounts: Resource): Promise<void> => {
  if (pod.metadata?.annotations?.[mirrorAnnotation] !== undefined) return checkMirrorPod(attributes, pod)
  const account = await accountOf(attributes, pod, accounts)
  const problem = enforces(account) ? unlistedSecret(pod, account) : undefined
  if (problem !== undefined) throw admissionForbidden(attributes, problem)
}

export const serviceAccount = (accounts: Resource): AdmissionPlugin => ({
  name: 'ServiceAccount',
  operations: ['CREATE'],
  admit: async (attributes) => {
    const pod = attributes.object as Pod
    if (!isResource(attributes, 'pods') || pod?.spec === undefined) return
    const { spec, metadata } = pod
    if (metadata?.annotations?.[mirrorAnnotation] === undefined) {
      const name = spec.serviceAccountName || defaultName
      spec.serviceAccountName = name
      spec.serviceAccount = name
      const account = await accountOf(attributes, pod, accounts)
      if (spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true) mountToken(pod)
      if ((spec.imagePullSecrets ?? []).length === 0 && (account.imagePullSecrets ?? []).length > 0)
        spec.imagePullSecrets = (account.imagePullSecrets ?? []).map((secret) => ({ ...secret }))
    }
    await check(attributes, pod, accounts)
  },
  validate: (attributes) =>
    isResource(attributes, 'pods') ? check(attributes, attributes.object as Pod, accounts) : undefined,
})
