/**
 * Publishes the CA of the API server's certificate as the one ClusterTrustBundle of the signer
 * kubernetes.io/kube-apiserver-serving, where the gate is on and the API is served.
 * Upstream: pkg/controller/certificates/clustertrustbundlepublisher
 */
import { readFileSync } from 'node:fs'
import { isReason } from '../../api/meta/status-error.ts'
import { createInformer } from '../../client/cache/informer.ts'
import { runController } from '../../client/controller/worker.ts'
import { availableTrustBundles } from '../../client/trust-bundles/available-version.ts'
import { watchFileContent } from '../../component-base/tls/tls-files.ts'
import type { Controller } from '../context.ts'
import { onAnyChange, queueOf } from '../wiring.ts'
import { planBundles } from './plan.ts'

const name = 'kube-apiserver-serving-clustertrustbundle-publisher-controller'
const signerName = 'kubernetes.io/kube-apiserver-serving'
const onlyKey = 'bundle'

export const trustBundlePublisher: Controller = {
  name,
  serviceAccount: 'kube-apiserver-serving-clustertrustbundle-publisher',
  featureGate: 'ClusterTrustBundle',
  setup: (context) => {
    const { client, config, log, signal } = context
    const file = config['root-ca-file']
    if (file === '') return undefined
    let pem = readFileSync(file, 'utf8')
    const queue = queueOf(context)
    watchFileContent(
      file,
      (content) => {
        pem = content.toString()
        queue.add(onlyKey)
      },
      { log, signal },
    )

    return async () => {
      const ref = await availableTrustBundles(client)
      if (ref === undefined) return log.info('the API server has no ClusterTrustBundles: none is published')
      // A cache of its own: where the API is off, the shared ones would wait for it for ever.
      const bundles = createInformer(client, ref, { fieldSelector: `spec.signerName=${signerName}`, log })
      onAnyChange(bundles, () => queue.add(onlyKey))
      const watching = bundles.start(signal)
      await bundles.whenSynced(signal)
      queue.add(onlyKey)

      const reconcile = async (): Promise<undefined> => {
        const plan = planBundles(signerName, pem, bundles.lister.list())
        if (plan.write.type === 'create') {
          await client.create(ref, { metadata: { name: plan.name }, spec: { signerName, trustBundle: pem } })
        } else if (plan.write.type === 'update') {
          const { current } = plan.write
          await client.update(ref, { ...current, spec: { ...current.spec, trustBundle: pem } })
        }
        await Promise.all(
          plan.remove.map(async (old) => {
            try {
              await client.delete(ref, old)
            } catch (error) {
              if (!isReason(error, 'NotFound')) throw error
            }
          }),
        )
      }
      await Promise.all([watching, runController({ name, queue, concurrency: 1, reconcile, log, signal })])
    }
  },
}
