/** Variables that tell of Services, docker-links style. Upstream: pkg/kubelet/envvars. */
import type { Service } from '../../api/types.ts'

const variableName = (text: string): string => text.toUpperCase().replaceAll('-', '_')

const hasClusterIp = ({ spec }: Service): boolean =>
  spec?.clusterIP !== undefined && spec.clusterIP !== '' && spec.clusterIP !== 'None'

const variablesOf = (service: Service): [string, string][] => {
  const ip = service.spec?.clusterIP ?? ''
  const host = ip.includes(':') ? `[${ip}]` : ip
  const ports = service.spec?.ports ?? []
  const first = ports[0]
  if (first === undefined) return []
  const prefix = variableName(service.metadata?.name ?? '')
  const out: [string, string][] = [
    [`${prefix}_SERVICE_HOST`, ip],
    [`${prefix}_SERVICE_PORT`, String(first.port)],
  ]
  for (const { name, port } of ports) {
    if (name !== undefined && name !== '') out.push([`${prefix}_SERVICE_PORT_${variableName(name)}`, String(port)])
  }
  ports.forEach(({ port, protocol = 'TCP' }, index) => {
    const url = `${protocol.toLowerCase()}://${host}:${port}`
    if (index === 0) out.push([`${prefix}_PORT`, url])
    const base = `${prefix}_PORT_${port}_${protocol.toUpperCase()}`
    out.push(
      [base, url],
      [`${base}_PROTO`, protocol.toLowerCase()],
      [`${base}_PORT`, String(port)],
      [`${base}_ADDR`, ip],
    )
  })
  return out
}

/**
 * Variables for a Pod of that namespace: always the API server's (default/kubernetes), the namespace's own Services
 * only where enableServiceLinks is on.
 */
export const serviceEnvironment = (
  services: readonly Service[],
  namespace: string,
  enableServiceLinks: boolean,
): Map<string, string> => {
  const chosen = new Map<string, Service>()
  for (const service of services.filter(hasClusterIp)) {
    const { name = '', namespace: of } = service.metadata ?? {}
    if (of === 'default' && name === 'kubernetes' && !chosen.has(name)) chosen.set(name, service)
    else if (of === namespace && enableServiceLinks) chosen.set(name, service)
  }
  return new Map([...chosen.values()].flatMap(variablesOf))
}
