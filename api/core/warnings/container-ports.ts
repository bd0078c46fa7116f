/** Ports that two containers of one Pod declare, or that say less than they seem to. */
import { child } from '../../meta/field-error.ts'
import type { Container } from '../../types.ts'

type ContainerPort = NonNullable<Container['ports']>[number]

interface Declared {
  /** Made only when there is something to say: most Pods declare each port once. */
  readonly path: () => string
  readonly port: ContainerPort
}

/** The port as Go prints a struct, which upstream's message has. */
const shown = ({ name = '', hostPort = 0, containerPort, protocol = '', hostIP = '' }: ContainerPort): string =>
  `{Name:${name} HostPort:${hostPort} ContainerPort:${containerPort} Protocol:${protocol} HostIP:${hostIP}}`

const overlap = ({ port, path }: Declared, other: Declared): string | undefined => {
  const [ip, otherIp] = [port.hostIP ?? '', other.port.hostIP ?? '']
  const [hostPort, otherHostPort] = [port.hostPort ?? 0, other.port.hostPort ?? 0]
  if (ip === otherIp && hostPort === otherHostPort) return `${path()}: duplicate port definition with ${other.path()}`
  if (hostPort === 0 || otherHostPort === 0) return `${path()}: overlapping port definition with ${other.path()}`
  return hostPort === otherHostPort && (ip === '') !== (otherIp === '')
    ? `${path()}: dangerously ambiguous port definition with ${other.path()}`
    : undefined
}

/** `eachContainer` calls its argument for every container, with its path. */
export const containerPortWarnings = (
  eachContainer: (visit: (container: Container, path: string) => readonly string[]) => string[],
): string[] => {
  const all = new Map<string, Declared[]>()
  return eachContainer(({ ports }, path) =>
    (ports ?? []).flatMap((port, index) => {
      const declared = { path: () => child(path, 'ports', index), port }
      const warnings: string[] = []
      if ((port.hostIP ?? '') !== '' && (port.hostPort ?? 0) === 0) {
        warnings.push(`${declared.path()}: hostIP set without hostPort: ${shown(port)}`)
      }
      const name = `${port.containerPort}/${port.protocol}`
      const others = all.get(name) ?? []
      for (const other of others) {
        const warning = overlap(declared, other)
        if (warning !== undefined) warnings.push(warning)
      }
      all.set(name, [...others, declared])
      return warnings
    }),
  )
}
