/** AlwaysPullImages: who has no credentials for an image does not get it from the node's cache either. */
import { notSupported } from '../../../api/meta/field-error.ts'
import { StatusError } from '../../../api/meta/status-error.ts'
import type { Pod } from '../../../api/types.ts'
import { type AdmissionAttributes, type AdmissionPlugin, isResource } from '../admission.ts'
import { admissionForbidden } from '../forbidden.ts'

interface ImageUse {
  readonly path: string
  readonly image: string
  readonly policy: string
  readonly pullAlways: () => void
}

/** Every image that the Pod uses: of containers, and volumes that are images. */
const imagesOf = ({ spec }: Pod): ImageUse[] => [
  ...(['initContainers', 'containers', 'ephemeralContainers'] as const).flatMap((list) =>
    (spec?.[list] ?? []).map((container, index) => ({
      path: `spec.${list}[${index}].imagePullPolicy`,
      image: container.image ?? '',
      policy: container.imagePullPolicy ?? '',
      pullAlways: () => (container.imagePullPolicy = 'Always'),
    })),
  ),
  ...(spec?.volumes ?? []).flatMap(({ image }, index) =>
    image === undefined
      ? []
      : [
          {
            path: `spec.volumes[${index}].image.pullPolicy`,
            image: image.reference ?? '',
            policy: image.pullPolicy ?? '',
            pullAlways: () => (image.pullPolicy = 'Always'),
          },
        ],
  ),
]

/** Updates that bring no image are left as they are: the policy cannot be changed. */
const isIgnored = (attributes: AdmissionAttributes): boolean => {
  if (!isResource(attributes, 'pods')) return true
  if (attributes.operation !== 'UPDATE') return false
  const before = new Set(imagesOf(attributes.oldObject as Pod).map(({ image }) => image))
  return imagesOf(attributes.object as Pod).every(({ image }) => before.has(image))
}

export const alwaysPullImages: AdmissionPlugin = {
  name: 'AlwaysPullImages',
  operations: ['CREATE', 'UPDATE'],
  admit: (attributes) => {
    if (isIgnored(attributes)) return
    for (const { pullAlways } of imagesOf(attributes.object as Pod)) pullAlways()
  },
  validate: (attributes) => {
    if (isIgnored(attributes)) return
    const errors = imagesOf(attributes.object as Pod)
      .filter(({ policy }) => policy !== 'Always')
      .map(({ path, policy }) => {
        const { field, detail } = notSupported(path, policy, ['Always'])
        return admissionForbidden(attributes, `${field}: ${detail}`).message
      })
    if (errors.length > 0) throw new StatusError('', errors.length === 1 ? String(errors[0]) : `[${errors.join(', ')}]`)
  },
}
