/** The Pods of a Job. Upstream: pkg/controller/job/job_controller.go, indexed_job_utils.go. */
import { newControllerRef } from '../../api/meta/owners.ts'
import type { Container, Job, Pod } from '../../api/types.ts'
import { nameOf, namespaceOf } from '../objects.ts'
import { completionIndexAnnotation } from './indexes.ts'

/** Keeps an ended Pod until the Job has counted it. */
export const trackingFinalizer = 'batch.kubernetes.io/job-tracking'
export const indexFailureCountAnnotation = 'batch.kubernetes.io/job-index-failure-count'
export const indexIgnoredFailureCountAnnotation = 'batch.kubernetes.io/job-index-ignored-failure-count'
export const jobType = { group: 'batch', version: 'v1', kind: 'Job' }

const withIndexVariable = (container: Container): Container =>
  container.env?.some(({ name }) => name === 'JOB_COMPLETION_INDEX')
    ? container
    : {
        ...container,
        env: [
          ...(container.env ?? []),
          {
            name: 'JOB_COMPLETION_INDEX',
            valueFrom: { fieldRef: { fieldPath: `metadata.labels['${completionIndexAnnotation}']` } },
          },
        ],
      }

/** How often an index has failed so far. */
export interface IndexFailures {
  readonly counted: number
  /** By a rule of the podFailurePolicy: they make the next try later, and count for nothing else. */
  readonly ignored: number
}

/** The next Pod of the Job, for an index if it is Indexed; `failures` where these have a limit by index. */
export const buildJobPod = (job: Job, index?: number, failures?: IndexFailures): Pod => {
  const template = job.spec?.template
  const metadata = {
    namespace: namespaceOf(job),
    labels: { ...template?.metadata?.labels },
    annotations: { ...template?.metadata?.annotations },
    finalizers: [...new Set([...(template?.metadata?.finalizers ?? []), trackingFinalizer])],
    ownerReferences: [newControllerRef(job, jobType)],
  }
  const spec = template?.spec
  if (index === undefined) {
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...metadata, generateName: `${nameOf(job)}-` },
      ...(spec && { spec }),
    }
  }
  metadata.labels[completionIndexAnnotation] = String(index)
  metadata.annotations[completionIndexAnnotation] = String(index)
  if (failures !== undefined) {
    metadata.annotations[indexFailureCountAnnotation] = String(failures.counted)
    metadata.annotations[indexIgnoredFailureCountAnnotation] = String(failures.ignored)
  }
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...metadata, generateName: `${nameOf(job)}-${index}-` },
    ...(spec && {
      spec: {
        ...spec,
        hostname: `${nameOf(job)}-${index}`,
        containers: spec.containers.map(withIndexVariable),
        ...(spec.initContainers && { initContainers: spec.initContainers.map(withIndexVariable) }),
      },
    }),
  }
}
