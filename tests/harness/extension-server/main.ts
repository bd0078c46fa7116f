/**
 * An extension API server as upstream's sample-apiserver is one: it believes the front proxy whose CA the ConfigMap
 * extension-apiserver-authentication names, and asks the main API server what its users may. One JSON argument.
 */
import { loadKubeconfig } from '../../../component-base/kubeconfig.ts'
import { createRestClient } from '../../../client/rest/rest-client.ts'
import { createReviews } from '../../../client/auth/delegated.ts'
import { createAccess } from './access.ts'
import { createDiscovery } from './discovery.ts'
import { serve } from './serve.ts'
import type { ExtensionServerConfig } from './config.ts'

const config = JSON.parse(process.argv[2] ?? '{}') as ExtensionServerConfig
const client = createRestClient(loadKubeconfig(config.kubeconfig), { userAgent: 'extension-server' })
const configMap = (await client.raw(
  'GET',
  '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication',
)) as { readonly data: Readonly<Record<string, string>> }

await serve(config, configMap.data, createAccess(configMap.data, createReviews(client)), createDiscovery(config))
process.stdout.write('ready\n')
