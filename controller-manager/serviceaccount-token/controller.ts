/** Fills Secrets of type service-account-token that people make by hand. Upstream: tokens_controller.go. */
import { readFileSync } from 'node:fs'
import { isReason } from '../../api/meta/status-error.ts'
import { secrets, serviceAccounts } from '../../api/resources.ts'
import type { Secret } from '../../api/types.ts'
import { watchFileContent } from '../../component-base/tls/tls-files.ts'
import type { Controller } from '../context.ts'
import { annotationsOf, nameOf, namespaceOf, uidOf } from '../objects.ts'
import { enqueueSelf, queueOf, workersOf } from '../wiring.ts'
import { legacyToken } from './token.ts'

const tokenType = 'kubernetes.io/service-account-token'
const nameAnnotation = 'kubernetes.io/service-account.name'
const uidAnnotation = 'kubernetes.io/service-account.uid'
const accountIndex = 'tokenSecretAccount'

const base64 = (text: string): string => Buffer.from(text).toString('base64')

export const serviceAccountTokenController: Controller = {
  name: 'serviceaccount-token-controller',
  // Whoever signs tokens cannot have one of its own.
  serviceAccount: undefined,
  setup: (context) => {
    const { client, informers, config, log, signal } = context
    const keyFile = config['service-account-private-key-file']
    if (keyFile === '') return undefined
    const caFile = config['root-ca-file']
    const queue = queueOf(context)
    // Other Secrets stay out of this process's memory.
    const cache = informers.for(secrets, {
      fieldSelector: `type=${tokenType}`,
      indexers: {
        [accountIndex]: (secret) => [`${namespaceOf(secret)}/${annotationsOf(secret)[nameAnnotation] ?? ''}`],
      },
    })
    const accounts = informers.for(serviceAccounts)
    const bundleChanged = (): void => {
      for (const secret of cache.lister.list()) enqueueSelf(queue)(secret)
    }
    if (caFile !== '') watchFileContent(caFile, bundleChanged, { log, signal })
    cache.addHandler({ onAdd: enqueueSelf(queue), onUpdate: (_old, secret) => enqueueSelf(queue)(secret) })
    const enqueueOf = (account: { metadata?: { namespace?: string; name?: string } }): void => {
      const key = `${account.metadata?.namespace ?? ''}/${account.metadata?.name ?? ''}`
      for (const secret of cache.lister.byIndex(accountIndex, key)) enqueueSelf(queue)(secret)
    }
    accounts.addHandler({ onAdd: enqueueOf, onDelete: enqueueOf })

    const remove = async (secret: Secret): Promise<void> => {
      const preconditions = { uid: uidOf(secret), resourceVersion: secret.metadata?.resourceVersion ?? '' }
      await client.delete(secrets, nameOf(secret), namespaceOf(secret), { preconditions }).catch((error: unknown) => {
        if (!isReason(error, 'NotFound')) throw error
      })
    }

    const reconcile = async (key: string): Promise<undefined> => {
      const secret = cache.lister.get(key)
      const accountName = secret === undefined ? undefined : annotationsOf(secret)[nameAnnotation]
      if (secret === undefined || secret.type !== tokenType || accountName === undefined) return
      const namespace = namespaceOf(secret)
      const account =
        accounts.lister.get(`${namespace}/${accountName}`) ??
        (await client.get(serviceAccounts, accountName, namespace).catch((error: unknown) => {
          if (isReason(error, 'NotFound')) return undefined
          throw error
        }))
      const wantedUid = annotationsOf(secret)[uidAnnotation]
      // Its account is gone: the token would be good for whoever gets that name next.
      const isStale = account === undefined || (wantedUid !== undefined && wantedUid !== uidOf(account))
      if (isStale) {
        await remove(secret)
        return
      }
      const data = { ...secret.data }
      if (caFile !== '') data['ca.crt'] = base64(readFileSync(caFile, 'utf8'))
      data['namespace'] ??= base64(namespace)
      data['token'] ??= base64(
        legacyToken(
          {
            namespace,
            secretName: nameOf(secret),
            serviceAccountName: accountName,
            serviceAccountUid: uidOf(account),
          },
          readFileSync(keyFile, 'utf8'),
        ),
      )
      const same = wantedUid === uidOf(account) && Object.keys(data).every((name) => data[name] === secret.data?.[name])
      if (same) return
      const annotations = { ...annotationsOf(secret), [uidAnnotation]: uidOf(account) }
      await client.update(secrets, { ...secret, metadata: { ...secret.metadata, annotations }, data })
    }
    return workersOf(context, {
      name: 'serviceaccount-token-controller',
      queue,
      concurrency: config['concurrent-serviceaccount-token-syncs'],
      reconcile,
    })
  },
}
