/** What every cluster gets beside its processes: the manifests in deploy/addons, made where they are missing. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadAll } from 'js-yaml'
import { isReason } from '../api/meta/status-error.ts'
import { resourceRef } from '../api/resources.ts'
import { resourceRows } from '../api/schema/resource-table.ts'
import type { KubeObject } from '../api/types.ts'
import { loadKubeconfig } from '../component-base/kubeconfig.ts'
import { createRestClient, type RestClient } from '../client/rest/rest-client.ts'
import { sleep } from '../component-base/clock.ts'
import type { Logger } from '../component-base/logging/logger.ts'
import type { ClusterConfig } from './cluster-config.ts'
import { dnsAddress } from './components.ts'
import { type Layout, projectRoot } from './layout.ts'

const retryMs = 100

/** All objects of deploy/addons, in the order of file names. */
export const addonObjects = (config: ClusterConfig): KubeObject[] => {
  const directory = join(projectRoot, 'deploy/addons')
  return readdirSync(directory)
    .sort()
    .flatMap((file) => {
      const text = readFileSync(join(directory, file), 'utf8').replaceAll('${DNS_ADDRESS}', dnsAddress(config))
      return loadAll(text) as KubeObject[]
    })
}

/** Creates an object; one that exists is left as its administrator wants it. */
const ensureObject = async (client: RestClient, object: KubeObject): Promise<void> => {
  const [version = '', group = ''] = (object.apiVersion ?? '').split('/').reverse()
  // The table is enough, and far smaller than the kinds with all their rules.
  const row = resourceRows().find((r) => r.group === group && r.version === version && r.kind === object.kind)
  if (row === undefined) throw new Error(`${object.apiVersion} ${object.kind}: no such kind`)
  const ref = resourceRef({ group, version, resource: row.plural, kind: row.kind, namespaced: row.namespaced })
  const { name = '', namespace } = object.metadata ?? {}
  try {
    await client.get(ref, name, namespace)
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error
    await client.create(ref, object)
  }
}

/** Makes all addons, waiting for the API server as long as it takes. */
export const ensureAddons = async (
  config: ClusterConfig,
  layout: Layout,
  context: { log: Logger; signal: AbortSignal },
): Promise<void> => {
  const client = createRestClient(loadKubeconfig(layout.superAdminConf), { userAgent: 'kubets-addons' })
  for (const object of addonObjects(config)) {
    for (;;) {
      try {
        await ensureObject(client, object)
        break
      } catch (err) {
        if (context.signal.aborted) return
        context.log.debug({ err, kind: object.kind, name: object.metadata?.name }, 'addon not made yet')
        await sleep(retryMs, context.signal).catch(() => undefined)
      }
    }
  }
  await client.close()
}
