import { defineKind } from '../kind.ts'
import { ageColumn, column, firstOf, nameColumn } from '../printers/columns.ts'
import type { Endpoints } from '../types.ts'
import { validateEndpoints } from './validation.ts'

const setDefaults = (endpoints: Endpoints): void => {
  for (const subset of endpoints.subsets ?? []) for (const port of subset.ports ?? []) port.protocol ||= 'TCP'
}

const hostPort = (host: string, port: number): string => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`)

const addresses = (endpoints: Endpoints): string =>
  firstOf(
    (endpoints.subsets ?? []).flatMap((subset) => {
      const ips = (subset.addresses ?? []).map(({ ip }) => ip ?? '')
      const ports = subset.ports ?? []
      return ports.length === 0 ? ips : ports.flatMap(({ port }) => ips.map((ip) => hostPort(ip, port)))
    }),
    3,
  )

export const endpointsKind = defineKind<Endpoints>({
  group: '',
  version: 'v1',
  kind: 'Endpoints',
  plural: 'endpoints',
  singular: 'endpoints',
  scope: 'Namespaced',
  shortNames: ['ep'],
  allowCreateOnUpdate: true,
  deprecation: 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
  setDefaults,
  validate: validateEndpoints,
  columns: [nameColumn, column('Endpoints', 'Addresses that are ready.', addresses), ageColumn],
})
