/** What a CONNECT asks for, as the object that admission sees. Upstream: NewConnectOptions of the connecting storages. */
import type { Gvk } from '../../../api/schema/schema.ts'
import type { KubeObject } from '../../../api/types.ts'

interface OptionsKind {
  readonly kind: string
  readonly flags?: readonly string[]
  readonly texts?: readonly string[]
  readonly lists?: readonly string[]
  readonly numbers?: readonly string[]
}

const streams = ['stdin', 'stdout', 'stderr', 'tty']
const kinds: Readonly<Record<string, OptionsKind>> = {
  'pods/exec': { kind: 'PodExecOptions', flags: streams, texts: ['container'], lists: ['command'] },
  'pods/attach': { kind: 'PodAttachOptions', flags: streams, texts: ['container'] },
  'pods/portforward': { kind: 'PodPortForwardOptions', numbers: ['ports'] },
  'pods/proxy': { kind: 'PodProxyOptions', texts: ['path'] },
  'services/proxy': { kind: 'ServiceProxyOptions', texts: ['path'] },
  'nodes/proxy': { kind: 'NodeProxyOptions', texts: ['path'] },
}

export interface ConnectOptionsObject {
  readonly kind: Gvk
  readonly object: KubeObject
}

/** Undefined for what admission does not see: reading a log is no CONNECT. */
export const connectOptions = (
  plural: string,
  subresource: string,
  query: URLSearchParams,
  path: string,
): ConnectOptionsObject | undefined => {
  const options = kinds[`${plural}/${subresource}`]
  if (options === undefined) return undefined
  const { kind, flags = [], texts = [], lists = [], numbers = [] } = options
  const given = new URLSearchParams(query)
  if (texts.includes('path')) given.set('path', path)
  const fields: Record<string, unknown> = { kind, apiVersion: 'v1' }
  for (const name of flags) if (given.has(name)) fields[name] = ['true', '1', ''].includes(given.get(name) ?? '')
  for (const name of texts) if ((given.get(name) ?? '') !== '') fields[name] = given.get(name)
  for (const name of lists) if (given.has(name)) fields[name] = given.getAll(name)
  for (const name of numbers) if (given.has(name)) fields[name] = given.getAll(name).map(Number)
  return { kind: { group: '', version: 'v1', kind }, object: fields as KubeObject }
}
