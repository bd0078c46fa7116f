/** Pods, and where kinds that make Pods keep the template. */
import type { CronJob, Deployment, KubeObject, Pod, PodTemplate } from '../../api/types.ts'
import type { AdmissionAttributes } from './admission.ts'
import type { PodFacts } from './pod-security/checks/check.ts'

type Template = { readonly metadata?: unknown; readonly spec?: unknown } | undefined

interface Place {
  readonly find: (object: KubeObject) => Template
  /** Path of the Pod's spec. */
  readonly specPath: string
}

const ofSpec: Place = { find: (object) => (object as Deployment).spec?.template, specPath: 'spec.template.spec' }

const places: Readonly<Record<string, Place>> = {
  'pods.': { find: (object) => object as Pod, specPath: 'spec' },
  'podtemplates.': { find: (object) => (object as PodTemplate).template, specPath: 'template.spec' },
  'replicationcontrollers.': ofSpec,
  'replicasets.apps': ofSpec,
  'deployments.apps': ofSpec,
  'statefulsets.apps': ofSpec,
  'daemonsets.apps': ofSpec,
  'jobs.batch': ofSpec,
  'cronjobs.batch': {
    find: (object) => (object as CronJob).spec?.jobTemplate?.spec?.template,
    specPath: 'spec.jobTemplate.spec.template.spec',
  },
}

const placeOf = ({ resource, group }: AdmissionAttributes): Place | undefined => {
  const name = `${resource}.${group}`
  return Object.hasOwn(places, name) ? places[name] : undefined
}

/** True for Pods and for what makes them. */
export const hasPodSpec = (attributes: AdmissionAttributes): boolean => placeOf(attributes) !== undefined

/** The Pod, or the Pods that the object will make; undefined if it has no template (yet). */
export const podFactsOf = (attributes: AdmissionAttributes): PodFacts | undefined => {
  const { object } = attributes
  const template = object === undefined ? undefined : placeOf(attributes)?.find(object)
  if (template === undefined) return undefined
  const { metadata = {}, spec = { containers: [] } } = template
  return { metadata, spec } as PodFacts
}

/** Where the Pod's spec is in the object; '' for other kinds. */
export const podSpecPath = (attributes: AdmissionAttributes): string => placeOf(attributes)?.specPath ?? ''
