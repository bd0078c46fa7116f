/** Where kinds that make Pods keep the template. */
import type { CronJob, Deployment, KubeObject, Pod, PodTemplate } from '../../../api/types.ts'
import type { AdmissionAttributes } from '../admission.ts'
import type { PodFacts } from './checks/check.ts'

type Template = { readonly metadata?: unknown; readonly spec?: unknown } | undefined

const ofSpec = (object: KubeObject): Template => (object as Deployment).spec?.template

const templates: Readonly<Record<string, (object: KubeObject) => Template>> = {
  'pods.': (object) => object as Pod,
  'podtemplates.': (object) => (object as PodTemplate).template,
  'replicationcontrollers.': ofSpec,
  'replicasets.apps': ofSpec,
  'deployments.apps': ofSpec,
  'statefulsets.apps': ofSpec,
  'daemonsets.apps': ofSpec,
  'jobs.batch': ofSpec,
  'cronjobs.batch': (object) => (object as CronJob).spec?.jobTemplate?.spec?.template,
}

/** True for Pods and for what makes them. */
export const hasPodSpec = ({ resource, group }: AdmissionAttributes): boolean =>
  Object.hasOwn(templates, `${resource}.${group}`)

/** The Pod, or the Pods that the object will make; undefined if it has no template (yet). */
export const podFactsOf = ({ resource, group, object }: AdmissionAttributes): PodFacts | undefined => {
  const template = object === undefined ? undefined : templates[`${resource}.${group}`]?.(object)
  if (template === undefined) return undefined
  const { metadata = {}, spec = { containers: [] } } = template
  return { metadata, spec } as PodFacts
}
