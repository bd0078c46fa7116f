#!/usr/bin/env node
/**
 * An ingress controller: Ingresses of its class are served by an HAProxy in each of the given network namespaces, all
 * with the same configuration. Without Ingresses nothing is started, and nothing but them is watched.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInformerFactory } from '../../client/cache/informer.ts'
import { createEventRecorder } from '../../client/events/event-recorder.ts'
import { createRestClient } from '../../client/rest/rest-client.ts'
import { defineFlags, parseFlags } from '../../component-base/flags/flags.ts'
import { inClusterConfig, loadKubeconfig } from '../../component-base/kubeconfig.ts'
import { createCa, issueCertificate } from '../../component-base/pki/certificates.ts'
import { run } from '../../component-base/process/run.ts'
import { runIngressController } from './controller.ts'
import { createHaproxy, parsePlaces } from './haproxy.ts'
import { createSecretWatch } from './secret-watch.ts'

const name = 'ingress-controller'

const flags = defineFlags({
  kubeconfig: { type: 'string', default: '', help: 'Path to the kubeconfig; default: the Pod’s service account.' },
  'controller-class': { type: 'string', default: 'kubets.dev/ingress', help: 'Controller that IngressClasses name.' },
  'http-port': { type: 'int', default: 80, help: 'Port of HTTP.' },
  'https-port': { type: 'int', default: 443, help: 'Port of HTTPS.' },
  'state-dir': { type: 'string', default: '/run/kubets-ingress', help: 'Where the files of the proxies are.' },
  proxies: {
    type: 'string',
    default: '',
    help: 'Where proxies run: ADDRESS, or ADDRESS@PATH with the path of a network namespace; comma-separated.',
  },
})

/** Shown to those for whose host there is no certificate; nobody trusts it. */
const makeDefaultPem = async (): Promise<string> => {
  const commonName = 'kubets ingress controller fake certificate'
  const ca = await createCa(commonName)
  const { certPem, keyPem } = await issueCertificate(ca, {
    commonName,
    dnsNames: ['ingress.local'],
    usages: ['server'],
    days: 365,
  })
  return [certPem, keyPem].join('\n')
}

run(name, async ({ signal, log }) => {
  const { values } = parseFlags(flags, process.argv.slice(2), { name, version: 'v1.36.0' })
  const clientConfig = values.kubeconfig === '' ? inClusterConfig() : loadKubeconfig(values.kubeconfig)
  const client = createRestClient(clientConfig, { userAgent: `${name}/v1.36.0` })
  const informers = createInformerFactory(client, log)
  mkdirSync(values['state-dir'], { recursive: true, mode: 0o700 })
  const proxies = parsePlaces(values.proxies).map((place) =>
    createHaproxy(place, { directory: join(values['state-dir'], place.address), log }),
  )
  informers.start(signal)
  await runIngressController(
    {
      controller: values['controller-class'],
      httpPort: values['http-port'],
      httpsPort: values['https-port'],
      defaultPem: await makeDefaultPem(),
      proxies,
      client,
      informers,
      events: createEventRecorder(client, { component: name }, { log }),
      createSecretWatch: (changed) => createSecretWatch(client, changed, { signal, log }),
      log,
    },
    signal,
  )
  await Promise.all(proxies.map((proxy) => proxy[Symbol.asyncDispose]()))
  await client.close()
})
