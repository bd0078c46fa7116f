import { defineKind } from '../kind.ts'
import { isDns1035Label } from '../meta/names.ts'
import type { Service } from '../types.ts'
import { proxySubresource } from './subresources.ts'

export const serviceKind = defineKind<Service>({
  group: '',
  version: 'v1',
  kind: 'Service',
  plural: 'services',
  scope: 'Namespaced',
  shortNames: ['svc'],
  categories: ['all'],
  allowCreateOnUpdate: true,
  subresources: [proxySubresource('ServiceProxyOptions'), 'status'],
  validateName: isDns1035Label,
  selectableFields: {
    'spec.clusterIP': (service) => service.spec?.clusterIP ?? '',
    'spec.type': (service) => service.spec?.type ?? '',
  },
})
