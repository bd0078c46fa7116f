/** DefaultIngressClass: Ingresses that name no class get the default one. */
import type { Ingress, KubeObject } from '../../../api/types.ts'
import type { Resource } from '../../registry/resource.ts'
import { type AdmissionPlugin, isResource } from '../admission.ts'
import { newestDefault } from './newest-default.ts'

const isMarked = ({ metadata }: KubeObject): boolean =>
  metadata?.annotations?.['ingressclass.kubernetes.io/is-default-class'] === 'true'
const classAnnotation = 'kubernetes.io/ingress.class'

export const defaultIngressClass = (classes: Resource): AdmissionPlugin => ({
  name: 'DefaultIngressClass',
  operations: ['CREATE'],
  admit: async (attributes) => {
    if (!isResource(attributes, 'ingresses', '', 'networking.k8s.io')) return
    const { spec, metadata } = attributes.object as Ingress
    if (spec === undefined || spec.ingressClassName !== undefined) return
    if (metadata?.annotations?.[classAnnotation] !== undefined) return
    const found = await newestDefault(classes, isMarked)
    if (found?.metadata?.name !== undefined) spec.ingressClassName = found.metadata.name
  },
})
