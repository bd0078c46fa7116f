import { isIP } from 'node:net'
import { defineKind } from '../kind.ts'
import { isValidIp } from '../meta/names.ts'
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

/** The name is the address, in its one canonical form. */
const validateName = (name: string): readonly string[] => {
  const errors = isValidIp(name)
  if (errors.length > 0) return errors
  const canonical = isIP(name) === 4 ? name : new URL(`http://[${name}]`).hostname.slice(1, -1)
  return canonical === name ? [] : ['must be a valid address in canonical form']
}

export const ipAddressKind = defineKind<IPAddress>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'IPAddress',
  plural: 'ipaddresses',
  scope: 'Cluster',
  shortNames: ['ip'],
  validateName,
  validate: validateIPAddress,
  validateUpdate: validateIPAddressUpdate,
  columns: [nameColumn, column('ParentRef', 'What the address belongs to.', parentText), ageColumn],
})
