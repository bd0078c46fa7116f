import { podTemplateWarnings } from './warnings/pod.ts'
import { defineKind } from '../kind.ts'
import { column, containerImages, containerNames, labelsOrNone, nameColumn } from '../printers/columns.ts'
import type { PodTemplate } from '../types.ts'
import { setPodTemplateDefaults } from './pod-spec/defaults.ts'
import { validatePodTemplate } from './validation.ts'

export const podTemplateKind = defineKind<PodTemplate>({
  group: '',
  version: 'v1',
  kind: 'PodTemplate',
  plural: 'podtemplates',
  scope: 'Namespaced',
  hasGeneration: true,
  setDefaults: (podTemplate) => void setPodTemplateDefaults(podTemplate),
  validate: validatePodTemplate,
  warnings: ({ template }) => podTemplateWarnings(template, 'template'),
  columns: [
    nameColumn,
    column('Containers', 'Names of the containers in the template.', ({ template }) =>
      containerNames(template?.spec?.containers),
    ),
    column('Images', 'Images of the containers in the template.', ({ template }) =>
      containerImages(template?.spec?.containers),
    ),
    column('Pod Labels', 'Labels of the template.', ({ template }) => labelsOrNone(template?.metadata?.labels)),
  ],
})
