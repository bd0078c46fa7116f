/** Which kubelet serves a Pod, and under which path. Upstream: pkg/registry/core/pod/strategy.go */
import type { PodLogOptions } from '../../api/core/pod-log-options.ts'
import { badRequest } from '../../api/meta/status-error.ts'
import type { Pod } from '../../api/types.ts'
import { queryBool } from '../../api/meta/query-bool.ts'

const names = (containers: readonly { readonly name: string }[] | undefined): string =>
  (containers ?? []).map(({ name }) => name).join(' ')

/** The container a request means: the named one, or the only one. Throws BadRequest. */
export const chooseContainer = (pod: Pod, wanted: string): string => {
  const podName = pod.metadata?.name ?? ''
  const containers = pod.spec?.containers ?? []
  if (wanted !== '') {
    const all = [...containers, ...(pod.spec?.initContainers ?? []), ...(pod.spec?.ephemeralContainers ?? [])]
    if (all.some(({ name }) => name === wanted)) return wanted
    throw badRequest(`container ${wanted} is not valid for pod ${podName}`)
  }
  const [only, ...more] = containers
  if (only === undefined) throw badRequest(`a container name must be specified for pod ${podName}`)
  if (more.length === 0) return only.name
  const init = names(pod.spec?.initContainers)
  throw badRequest(
    `a container name must be specified for pod ${podName}, choose one of: [${names(containers)}]` +
      (init === '' ? '' : ` or one of the init containers: [${init}]`),
  )
}

/** Throws BadRequest for a Pod that is not scheduled. */
export const nodeOf = (pod: Pod): string => {
  const nodeName = pod.spec?.nodeName ?? ''
  if (nodeName === '') throw badRequest(`pod ${pod.metadata?.name ?? ''} does not have a host assigned`)
  return nodeName
}

const podPath = (prefix: string, pod: Pod, ...rest: readonly string[]): string =>
  ['', prefix, pod.metadata?.namespace ?? '', pod.metadata?.name ?? '', ...rest].map(encodeURIComponent).join('/')

const withQuery = (path: string, query: URLSearchParams): string => (query.size === 0 ? path : `${path}?${query}`)

/** Path and query of the kubelet's log. */
export const logPath = (pod: Pod, container: string, options: PodLogOptions): string => {
  const query = new URLSearchParams()
  if (options.follow) query.set('follow', 'true')
  if (options.previous) query.set('previous', 'true')
  if (options.timestamps) query.set('timestamps', 'true')
  if (options.stream !== 'All') query.set('stream', options.stream)
  if (options.sinceSeconds !== undefined) query.set('sinceSeconds', String(options.sinceSeconds))
  if (options.sinceTime !== undefined) query.set('sinceTime', options.sinceTime)
  if (options.tailLines !== undefined) query.set('tailLines', String(options.tailLines))
  if (options.limitBytes !== undefined) query.set('limitBytes', String(options.limitBytes))
  return withQuery(podPath('containerLogs', pod, container), query)
}

/** Path and query of the kubelet's exec or attach; PodExecOptions have other names there. */
export const commandPath = (kind: 'exec' | 'attach', pod: Pod, query: URLSearchParams): string => {
  const container = chooseContainer(pod, query.get('container') ?? '')
  const kubeletQuery = new URLSearchParams()
  if (queryBool(query, 'stdin')) kubeletQuery.set('input', '1')
  if (queryBool(query, 'stdout')) kubeletQuery.set('output', '1')
  if (queryBool(query, 'stderr')) kubeletQuery.set('error', '1')
  if (queryBool(query, 'tty')) kubeletQuery.set('tty', '1')
  if (kind === 'exec') for (const part of query.getAll('command')) kubeletQuery.append('command', part)
  return withQuery(podPath(kind, pod, container), kubeletQuery)
}

export const portForwardPath = (pod: Pod, query: URLSearchParams): string => {
  const ports = query.getAll('ports')
  return withQuery(
    podPath('portForward', pod),
    new URLSearchParams(ports.length === 0 ? {} : { port: ports.join(',') }),
  )
}
