/** Asks an extender over HTTP, in the words of k8s.io/kube-scheduler/extender/v1. Upstream: pkg/scheduler/extender.go. */
import { readFileSync } from 'node:fs'
import { Agent as TlsAgent, request as tlsRequest } from 'node:https'
import type { ExtenderSpec, ExtenderTls } from '../config/types.ts'
import { parseDuration } from '../../component-base/flags/duration.ts'
import { Agent, request } from '../../component-base/node-http.ts'
import type { Pod } from '../../api/types.ts'
import type { Extender, ExtenderFiltered, Victims } from '../framework/extender.ts'
import type { Snapshot } from '../framework/handle.ts'
import type { LiveNodeInfo } from '../framework/node-info.ts'

const defaultTimeoutMs = 5_000

/** Sends a body to a verb; rejects unless it is answered with 200 and JSON. */
type Send = (verb: string, body: unknown) => Promise<unknown>

const material = (file: string | undefined, data: string | undefined): Buffer | undefined => {
  if (data !== undefined && data !== '') return Buffer.from(data, 'base64')
  return file === undefined || file === '' ? undefined : readFileSync(file)
}

/** With `enableHTTPS` but no CA the extender's certificate is not looked at, as upstream has it. */
const tlsAgent = (tls: ExtenderTls = {}, enableHTTPS = false): TlsAgent => {
  const ca = material(tls.caFile, tls.caData)
  const [cert, key] = [material(tls.certFile, tls.certData), material(tls.keyFile, tls.keyData)]
  return new TlsAgent({
    keepAlive: true,
    rejectUnauthorized: tls.insecure !== true && (ca !== undefined || !enableHTTPS),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
  })
}

const createSend = (spec: ExtenderSpec): Send => {
  const prefix = (spec.urlPrefix ?? '').replace(/\/+$/, '')
  const timeoutMs = parseDuration(spec.httpTimeout ?? '0') || defaultTimeoutMs
  const isTls = prefix.startsWith('https:')
  const agent = isTls ? tlsAgent(spec.tlsConfig, spec.enableHTTPS) : new Agent({ keepAlive: true })
  return (verb, body) =>
    new Promise((resolve, reject) => {
      const bytes = JSON.stringify(body)
      const url = `${prefix}/${verb}`
      const call = (isTls ? tlsRequest : request)(url, {
        method: 'POST',
        agent,
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(bytes) },
        signal: AbortSignal.timeout(timeoutMs),
      })
      call.on('error', reject).on('response', (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk
        })
        response.on('error', reject).on('end', () => {
          if (response.statusCode !== 200) {
            return reject(new Error(`failed ${verb} with extender at URL ${url}, code ${response.statusCode}`))
          }
          try {
            resolve(JSON.parse(text))
          } catch (error) {
            reject(new Error(`extender at URL ${url}: ${(error as Error).message}`, { cause: error }))
          }
        })
      })
      call.end(bytes)
    })
}

/** A field of an answer. Go's decoder, which extenders are written for, does not mind upper and lower case. */
const field = (answer: unknown, name: string): unknown => {
  if (typeof answer !== 'object' || answer === null) return undefined
  const wanted = name.toLowerCase()
  const found = Object.entries(answer).find(([key]) => key.toLowerCase() === wanted)
  return found?.[1] ?? undefined
}

const entriesOf = (answer: unknown, name: string): [string, unknown][] => Object.entries(field(answer, name) ?? {})
const messages = (answer: unknown, name: string): Map<string, string> =>
  new Map(entriesOf(answer, name).map(([node, message]) => [node, String(message)]))

const throwError = (answer: unknown): void => {
  const error = field(answer, 'Error')
  if (typeof error === 'string' && error !== '') throw new Error(error)
}

const nodesBody = (pod: Pod, nodes: readonly LiveNodeInfo[], { nodeCacheCapable }: ExtenderSpec): object =>
  nodeCacheCapable === true
    ? { Pod: pod, Nodes: null, NodeNames: nodes.map(({ name }) => name) }
    : { Pod: pod, Nodes: { metadata: {}, items: nodes.map(({ node }) => node) }, NodeNames: null }

/** Names of the nodes that passed, by either way of telling it. */
const passed = (answer: unknown, { nodeCacheCapable }: ExtenderSpec): string[] => {
  const names = field(answer, 'NodeNames')
  if (nodeCacheCapable === true && Array.isArray(names)) return names.map(String)
  const items = field(field(answer, 'Nodes'), 'items')
  if (!Array.isArray(items)) return []
  return (items as { metadata?: { name?: string } }[]).map(({ metadata }) => metadata?.name ?? '')
}

const filterBy =
  (send: Send, spec: ExtenderSpec, verb: string): NonNullable<Extender['filter']> =>
  async (pod, nodes): Promise<ExtenderFiltered> => {
    const answer = await send(verb, nodesBody(pod, nodes, spec))
    throwError(answer)
    const known = new Map(nodes.map((info) => [info.name, info]))
    const feasible = passed(answer, spec).map((name) => {
      const info = known.get(name)
      if (info !== undefined) return info
      const url = JSON.stringify(spec.urlPrefix)
      throw new Error(
        `extender ${url} claims a filtered node ${JSON.stringify(name)} which is not found in the input node list`,
      )
    })
    return {
      feasible,
      failed: messages(answer, 'FailedNodes'),
      failedAndUnresolvable: messages(answer, 'FailedAndUnresolvableNodes'),
    }
  }

const prioritizeBy =
  (send: Send, spec: ExtenderSpec, verb: string): NonNullable<Extender['prioritize']> =>
  async (pod, nodes) => {
    const answer = await send(verb, nodesBody(pod, nodes, spec))
    if (!Array.isArray(answer)) throw new Error(`extender ${spec.urlPrefix}: the scores are no list`)
    return new Map(answer.map((entry) => [String(field(entry, 'Host')), Number(field(entry, 'Score') ?? 0)]))
  }

const uidOf = (pod: Pod): string => pod.metadata?.uid ?? ''

const preemptBy =
  (
    send: Send,
    spec: ExtenderSpec,
    { verb, snapshot }: { verb: string; snapshot: Snapshot },
  ): NonNullable<Extender['preempt']> =>
  async (pod, victims) => {
    const asMeta = ({ pods, pdbViolations }: Victims): object => ({
      Pods: pods.map((one) => ({ UID: uidOf(one) })),
      NumPDBViolations: pdbViolations,
    })
    const asPods = ({ pods, pdbViolations }: Victims): object => ({ Pods: pods, NumPDBViolations: pdbViolations })
    const byNode = (shape: (one: Victims) => object): object =>
      Object.fromEntries([...victims].map(([name, one]) => [name, shape(one)]))
    const body =
      spec.nodeCacheCapable === true
        ? { Pod: pod, NodeNameToVictims: null, NodeNameToMetaVictims: byNode(asMeta) }
        : { Pod: pod, NodeNameToVictims: byNode(asPods), NodeNameToMetaVictims: null }
    const answer = await send(verb, body)
    const podOf = (nodeName: string, meta: unknown): Pod => {
      const uid = String(field(meta, 'UID'))
      const found = snapshot.get(nodeName)?.pods.get(uid)
      if (found !== undefined) return found
      throw new Error(
        `extender: ${spec.urlPrefix} claims to preempt pod (UID: ${uid}) on node: ${nodeName}, but the pod is not found on that node`,
      )
    }
    return new Map(
      entriesOf(answer, 'NodeNameToMetaVictims').map(([nodeName, one]): [string, Victims] => {
        const pods = field(one, 'Pods')
        return [
          nodeName,
          {
            pods: (Array.isArray(pods) ? pods : []).map((meta) => podOf(nodeName, meta)),
            pdbViolations: Number(field(one, 'NumPDBViolations') ?? 0),
          },
        ]
      }),
    )
  }

const bindBy =
  (send: Send, verb: string): NonNullable<Extender['bind']> =>
  async (pod, nodeName) => {
    const { name, namespace, uid } = pod.metadata ?? {}
    throwError(await send(verb, { PodName: name, PodNamespace: namespace, PodUID: uid, Node: nodeName }))
  }

const asksFor = (pod: Pod, names: ReadonlySet<string>): boolean =>
  [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])].some(({ resources }) =>
    [...Object.keys(resources?.requests ?? {}), ...Object.keys(resources?.limits ?? {})].some((name) =>
      names.has(name),
    ),
  )

/** `snapshot` finds the Pods that an extender names by uid. Throws if files of its TLS configuration cannot be read. */
export const createHttpExtender = (spec: ExtenderSpec, snapshot: Snapshot): Extender => {
  const send = createSend(spec)
  const { filterVerb, prioritizeVerb, preemptVerb, bindVerb } = spec
  const managed = new Set((spec.managedResources ?? []).map(({ name }) => name))
  const ignored = (spec.managedResources ?? []).filter(({ ignoredByScheduler }) => ignoredByScheduler === true)
  return {
    name: spec.urlPrefix ?? '',
    ignorable: spec.ignorable === true,
    weight: spec.weight ?? 0,
    ignoredResources: new Set(ignored.map(({ name }) => name)),
    isInterested: (pod) => managed.size === 0 || asksFor(pod, managed),
    ...(filterVerb && { filter: filterBy(send, spec, filterVerb) }),
    ...(prioritizeVerb && { prioritize: prioritizeBy(send, spec, prioritizeVerb) }),
    ...(preemptVerb && { preempt: preemptBy(send, spec, { verb: preemptVerb, snapshot }) }),
    ...(bindVerb && { bind: bindBy(send, bindVerb) }),
  }
}
