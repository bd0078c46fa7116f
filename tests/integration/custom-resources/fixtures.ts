/** A definition that uses most of what there is: the CronTab of Kubernetes' documentation, grown. */
import type { CustomResourceDefinition } from '../../../api/types.ts'
import type { Kubectl } from '../../harness/kubectl.ts'
import { waitFor } from '../../harness/wait.ts'

const schema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      required: ['cronSpec'],
      properties: {
        cronSpec: { type: 'string', pattern: String.raw`^(\d+|\*)(/\d+)?(\s+(\d+|\*)(/\d+)?){4}$` },
        image: { type: 'string', default: 'busybox', maxLength: 20 },
        replicas: { type: 'integer', minimum: 1, maximum: 10, default: 1 },
        mode: { type: 'string', enum: ['Fast', 'Slow'] },
        port: { 'x-kubernetes-int-or-string': true },
        extra: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        labels: { type: 'object', additionalProperties: { type: 'string' } },
        steps: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['name'],
          items: {
            type: 'object',
            required: ['name'],
            properties: { name: { type: 'string' }, retries: { type: 'integer', default: 3 } },
          },
        },
      },
    },
    status: {
      type: 'object',
      properties: { replicas: { type: 'integer' }, labelSelector: { type: 'string' }, ready: { type: 'boolean' } },
    },
  },
}

export const cronTabs = (group: string, scope: 'Namespaced' | 'Cluster' = 'Namespaced'): CustomResourceDefinition =>
  ({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `crontabs.${group}` },
    spec: {
      group,
      scope,
      names: { plural: 'crontabs', singular: 'crontab', kind: 'CronTab', shortNames: ['ct'], categories: ['all'] },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: schema },
          subresources: {
            status: {},
            scale: {
              specReplicasPath: '.spec.replicas',
              statusReplicasPath: '.status.replicas',
              labelSelectorPath: '.status.labelSelector',
            },
          },
          additionalPrinterColumns: [
            { name: 'Spec', type: 'string', jsonPath: '.spec.cronSpec' },
            { name: 'Replicas', type: 'integer', jsonPath: '.spec.replicas' },
            { name: 'Steps', type: 'string', jsonPath: '.spec.steps[*].name', priority: 1 },
            { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
          ],
          selectableFields: [{ jsonPath: '.spec.mode' }],
        },
        { name: 'v1beta1', served: true, storage: false, schema: { openAPIV3Schema: schema }, deprecated: true },
      ],
    },
  }) as unknown as CustomResourceDefinition

/** Creates the definition and waits until it is served. */
export const define = async (kubectl: Kubectl, definition: CustomResourceDefinition): Promise<void> => {
  const { stderr } = await kubectl.run(['apply', '-f', '-'], { input: JSON.stringify(definition) })
  if (stderr !== '') throw new Error(stderr)
  const { name = '' } = definition.metadata ?? {}
  await waitFor(
    async () => (await kubectl.run(['wait', '--for=condition=Established', `crd/${name}`, '--timeout=1s'])).code === 0,
    { what: `${name} to be established` },
  )
}
