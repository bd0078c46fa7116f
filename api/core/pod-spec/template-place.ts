/** Where kinds that make Pods keep the template. */
import type { CronJob, Deployment, KubeObject, Pod, PodTemplate } from '../../types.ts'

/** A Pod, or what Pods will be made by. */
export type Template = { readonly metadata?: unknown; readonly spec?: unknown } | undefined

export interface TemplatePlace {
  readonly find: (object: KubeObject) => Template
  /** Path of the Pod's spec. */
  readonly specPath: string
}

const ofSpec: TemplatePlace = {
  find: (object) => (object as Deployment).spec?.template,
  specPath: 'spec.template.spec',
}

const places: ReadonlyMap<string, TemplatePlace> = new Map([
  ['pods.', { find: (object: KubeObject) => object as Pod, specPath: 'spec' }],
  ['podtemplates.', { find: (object: KubeObject) => (object as PodTemplate).template, specPath: 'template.spec' }],
  ['replicationcontrollers.', ofSpec],
  ['replicasets.apps', ofSpec],
  ['deployments.apps', ofSpec],
  ['statefulsets.apps', ofSpec],
  ['daemonsets.apps', ofSpec],
  ['jobs.batch', ofSpec],
  [
    'cronjobs.batch',
    {
      find: (object: KubeObject) => (object as CronJob).spec?.jobTemplate?.spec?.template,
      specPath: 'spec.jobTemplate.spec.template.spec',
    },
  ],
])

/** The place in objects of a resource; undefined for those that make no Pods. */
export const templatePlaceOf = (resource: string, group: string): TemplatePlace | undefined =>
  places.get(`${resource}.${group}`)
