/**
 * ComponentStatuses: asked of the components at every read, never stored.
 * Upstream: pkg/registry/core/componentstatus, with the addresses that a control plane on one machine has.
 */
import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { notFound } from '../../api/meta/status-error.ts'
import type { ComponentStatus, KubeObject } from '../../api/types.ts'
import { EtcdClient } from '../../component-base/etcd/client.ts'
import type { Config } from '../config.ts'
import { dryRunEntry } from '../registry/dry-run.ts'
import type { Resource } from '../registry/resource.ts'
import type { HttpContext } from '../server/context.ts'
import { dialErrorText } from '../streaming/backend.ts'
import type { Entry } from '../storage/encoding.ts'
import { listOptionsOf } from './read.ts'
import type { ResourceHandler } from './router.ts'
import { negotiateList, negotiateObject, sendEntry, sendList } from './send.ts'

interface Probed {
  readonly status: 'True' | 'False'
  readonly message?: string
  readonly error?: string
}

type Probe = () => Promise<Probed>

const probeTimeoutMs = 20_000
const host = '127.0.0.1'

const probeHttps =
  (port: number): Probe =>
  () =>
    new Promise((resolve) => {
      const url = `https://${host}:${port}/healthz`
      const fail = (message: string): void => resolve({ status: 'False', message })
      const asked = request(url, { agent: false, rejectUnauthorized: false, timeout: probeTimeoutMs }, (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk
        })
        response.on('end', () => {
          const { statusCode: code = 0 } = response
          if (code >= 200 && code < 400) resolve({ status: 'True', message: text })
          else fail(`HTTP probe failed with statuscode: ${code}`)
        })
      })
      asked.on('timeout', () => asked.destroy(new Error('context deadline exceeded')))
      asked.on('error', (error) => fail(`Get "${url}": ${dialErrorText(error, { host, port })}`))
      asked.end()
    })

const probeEtcd =
  ({ caFile, certFile, keyFile }: Config['etcd'], server: string): Probe =>
  async () => {
    const pem = (file: string) => (file === '' ? undefined : readFileSync(file, 'utf8'))
    const endpoints = [server.includes('://') ? server : `http://${server}`]
    const client = new EtcdClient({
      endpoints,
      tls: () => ({ ca: pem(caFile), cert: pem(certFile), key: pem(keyFile) }),
    })
    try {
      await client.status({ signal: AbortSignal.timeout(probeTimeoutMs) })
      return { status: 'True', message: 'ok' }
    } catch (error) {
      return { status: 'False', error: error instanceof Error ? error.message : String(error) }
    } finally {
      client.close()
    }
  }

const probesOf = (etcd: Config['etcd']): ReadonlyMap<string, Probe> =>
  new Map([
    ['controller-manager', probeHttps(10257)],
    ...etcd.servers.map((server, index) => [`etcd-${index}`, probeEtcd(etcd, server)] as const),
    ['scheduler', probeHttps(10259)],
  ])

const entryOf = async (resource: Resource, name: string, probe: Probe): Promise<Entry> => {
  const object: ComponentStatus = { metadata: { name }, conditions: [{ type: 'Healthy', ...(await probe()) }] }
  const { kind, version: apiVersion } = resource.definition
  return dryRunEntry(resource, name, { kind, apiVersion, ...object } as KubeObject)
}

/** The handlers of `get` and `list`. */
export const componentStatusHandlers = (etcd: Config['etcd']): Readonly<Record<string, ResourceHandler>> => {
  const probes = probesOf(etcd)
  return {
    get: async ({ resource }, ctx: HttpContext) => {
      const media = negotiateObject(ctx, resource)
      const probe = probes.get(ctx.info.name)
      if (probe === undefined) throw notFound(resource.groupResource, ctx.info.name)
      await sendEntry(ctx, resource, 200, media, await entryOf(resource, ctx.info.name, probe))
    },
    list: async ({ resource }, ctx: HttpContext) => {
      const media = negotiateList(ctx, resource)
      const { matches } = listOptionsOf(resource, ctx)
      const all = await Promise.all([...probes].map(([name, probe]) => entryOf(resource, name, probe)))
      const entries = all.filter(({ object }) => matches?.(object) ?? true)
      await sendList(ctx, resource, media, { entries, revision: 0 })
    },
  }
}
