import { defineKind } from '../kind.ts'
import { isStrictIp } from '../meta/cidr.ts'
import { ageColumn, column, nameColumn } from '../printers/columns.ts'
import type { IPAddress } from '../types.ts'
import { validateIPAddress, validateIPAddressUpdate } from './validation.ts'

/** `services/default/web`, with the group where there is one. */
const parentText = ({ spec }: IPAddress): string => {
  const parent = spec?.parentRef
  if (parent === undefined) return '<none>'
  const group = (parent.group ?? '') === '' ? '' : `.${parent.group}`
  return [`${parent.resource}${group}`, parent.namespace ?? '', parent.name].filter((part) => part !== '').join('/')
}

export const ipAddressKind = defineKind<IPAddress>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'IPAddress',
  plural: 'ipaddresses',
  scope: 'Cluster',
  shortNames: ['ip'],
  // The name is the address, in its one form.
  validateName: isStrictIp,
  validate: validateIPAddress,
  validateUpdate: validateIPAddressUpdate,
  columns: [nameColumn, column('ParentRef', 'What the address belongs to.', parentText), ageColumn],
})
