/** Keeps ConfigMap `kube-root-ca.crt` in every namespace. Upstream: pkg/controller/certificates/rootcacertpublisher. */
import { readFileSync } from 'node:fs'
import { isReason } from '../../api/meta/status-error.ts'
import { configMaps, namespaces } from '../../api/resources.ts'
import type { ConfigMap } from '../../api/types.ts'
import { watchFileContent } from '../../component-base/tls/tls-files.ts'
import type { Controller } from '../context.ts'
import { isNamespaceTerminating } from '../errors.ts'
import { annotationsOf, isDeleting, nameOf, namespaceOf } from '../objects.ts'
import { semanticEqual } from '../semantic-equal.ts'
import { enqueueSelf, onAnyChange, queueOf, workersOf } from '../wiring.ts'

const configMapName = 'kube-root-ca.crt'
const descriptionAnnotation = 'kubernetes.io/description'
const description =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. ' +
  'No other usage is guaranteed across distributions of Kubernetes clusters.'

export const rootCaPublisher: Controller = {
  name: 'root-ca-certificate-publisher-controller',
  serviceAccount: 'root-ca-cert-publisher',
  setup: (context) => {
    const { client, informers, config, log, signal } = context
    if (config['root-ca-file'] === '') return undefined
    let data = { 'ca.crt': readFileSync(config['root-ca-file'], 'utf8') }
    const queue = queueOf(context)
    const spaces = informers.for(namespaces)
    // Only these few of all ConfigMaps are worth a cache.
    const maps = informers.for(configMaps, { fieldSelector: `metadata.name=${configMapName}` })
    spaces.addHandler({ onAdd: enqueueSelf(queue), onUpdate: (_old, namespace) => enqueueSelf(queue)(namespace) })
    onAnyChange(maps, (map) => {
      if (nameOf(map) === configMapName) queue.add(namespaceOf(map))
    })

    const bundleChanged = (bundle: Buffer): void => {
      data = { 'ca.crt': bundle.toString() }
      for (const namespace of spaces.lister.list()) enqueueSelf(queue)(namespace)
    }
    watchFileContent(config['root-ca-file'], bundleChanged, { log, signal })

    const isRight = (map: ConfigMap): boolean =>
      semanticEqual(map.data, data, 'data') && annotationsOf(map)[descriptionAnnotation] === description

    const reconcile = async (name: string): Promise<undefined> => {
      const namespace = spaces.lister.get(name)
      if (namespace === undefined || isDeleting(namespace) || namespace.status?.phase === 'Terminating') return
      const map = maps.lister.get(`${name}/${configMapName}`)
      if (map !== undefined && isRight(map)) return
      try {
        if (map === undefined) {
          const metadata = {
            name: configMapName,
            namespace: name,
            annotations: { [descriptionAnnotation]: description },
          }
          await client.create(configMaps, { metadata, data })
        } else {
          const annotations = { ...annotationsOf(map), [descriptionAnnotation]: description }
          await client.update(configMaps, { ...map, metadata: { ...map.metadata, annotations }, data })
        }
      } catch (error) {
        if (!isReason(error, 'AlreadyExists', 'NotFound') && !isNamespaceTerminating(error)) throw error
      }
    }
    return workersOf(context, { name: 'root-ca-certificate-publisher-controller', queue, concurrency: 1, reconcile })
  },
}
