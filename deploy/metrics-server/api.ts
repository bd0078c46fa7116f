/** metrics.k8s.io/v1beta1: the answers. */
import { methodNotAllowed, notFound } from '../../api/meta/status-error.ts'
import { nodes, pods } from '../../api/resources.ts'
import type { RestClient } from '../../client/rest/rest-client.ts'
import type { RequestInfo } from '../../apiserver/server/request-info.ts'
import type { Clock } from '../../component-base/clock.ts'
import { groupVersion, nodeMetrics, podMetrics } from './objects.ts'
import type { Scraper } from './scraper.ts'

export interface MetricsApiOptions {
  readonly client: RestClient
  readonly scraper: Scraper
  readonly clock: Clock
}

/** Answers a request for nodes or pods of the group. Throws StatusError. */
export type MetricsApi = (info: RequestInfo, query: URLSearchParams) => Promise<object>

const isObject = (value: object | undefined): value is object => value !== undefined

export const createMetricsApi = ({ client, scraper, clock }: MetricsApiOptions): MetricsApi => {
  /** The API server selects: it knows labels and fields, and whether a selector is one. */
  const selection = (query: URLSearchParams) => ({
    labelSelector: query.get('labelSelector') ?? '',
    fieldSelector: query.get('fieldSelector') ?? '',
  })
  const list = (kind: string, items: readonly object[]): object => ({
    kind: `${kind}List`,
    apiVersion: groupVersion,
    metadata: {},
    items,
  })

  const listNodes = async (query: URLSearchParams): Promise<object> => {
    const [{ items }, scraped] = await Promise.all([client.list(nodes, selection(query)), scraper.current()])
    const metrics = items.map((node) => nodeMetrics(node, scraped.get(node.metadata?.name ?? ''), clock.now()))
    return list('NodeMetrics', metrics.filter(isObject))
  }
  const listPods = async (namespace: string, query: URLSearchParams): Promise<object> => {
    const options = { ...selection(query), ...(namespace === '' ? {} : { namespace }) }
    const [{ items }, scraped] = await Promise.all([client.list(pods, options), scraper.current()])
    const metrics = items.map((pod) => podMetrics(pod, scraped.get(pod.spec?.nodeName ?? ''), clock.now()))
    return list('PodMetrics', metrics.filter(isObject))
  }
  const readNode = async (name: string): Promise<object | undefined> => {
    const [node, scraped] = await Promise.all([client.get(nodes, name), scraper.current()])
    return nodeMetrics(node, scraped.get(name), clock.now())
  }
  const readPod = async (namespace: string, name: string): Promise<object | undefined> => {
    const [pod, scraped] = await Promise.all([client.get(pods, name, namespace), scraper.current()])
    return podMetrics(pod, scraped.get(pod.spec?.nodeName ?? ''), clock.now())
  }

  return async ({ verb, resource, subresource, namespace, name, apiGroup }, query) => {
    const groupResource = { group: apiGroup, resource }
    if ((resource !== 'nodes' && resource !== 'pods') || subresource !== '') throw notFound(groupResource, name)
    if (verb === 'list') return resource === 'nodes' ? listNodes(query) : listPods(namespace, query)
    if (verb !== 'get') throw methodNotAllowed(groupResource, verb)
    const found = await (resource === 'nodes' ? readNode(name) : readPod(namespace, name))
    if (found === undefined) {
      const kind = resource === 'nodes' ? 'nodemetrics' : 'podmetrics'
      throw notFound({ group: apiGroup, resource: kind }, resource === 'nodes' ? name : `${namespace}/${name}`)
    }
    return found
  }
}
