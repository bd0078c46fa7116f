import { defineKind } from '../kind.ts'
import { ageColumn, column, firstOf, nameColumn } from '../printers/columns.ts'
import type { EndpointSlice } from '../types.ts'
import { validateEndpointSlice, validateEndpointSliceUpdate } from './validation.ts'

const setDefaults = (slice: EndpointSlice): void => {
  for (const port of slice.ports ?? []) {
    port.name ??= ''
    port.protocol ??= 'TCP'
  }
}

const portsText = ({ ports }: EndpointSlice): string =>
  firstOf(
    (ports ?? []).map(({ port }) => (port === undefined ? '*' : String(port))),
    3,
    '<unset>',
  )

const addresses = ({ endpoints }: EndpointSlice): string =>
  firstOf(
    (endpoints ?? []).flatMap((endpoint) => endpoint.addresses),
    3,
    '<unset>',
  )

export const endpointSliceKind = defineKind<EndpointSlice>({
  group: 'discovery.k8s.io',
  version: 'v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  scope: 'Namespaced',
  hasGeneration: true,
  setDefaults,
  validate: validateEndpointSlice,
  validateUpdate: validateEndpointSliceUpdate,
  columns: [
    nameColumn,
    column('AddressType', 'Type of the addresses.', ({ addressType }) => addressType),
    column('Ports', 'Ports of the endpoints.', portsText),
    column('Endpoints', 'Addresses of the endpoints.', addresses),
    ageColumn,
  ],
})
