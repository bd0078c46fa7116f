/** Gives every namespace its ServiceAccount `default`. Upstream: pkg/controller/serviceaccount. */
import { isReason } from '../../api/meta/status-error.ts'
import { namespaces, serviceAccounts } from '../../api/resources.ts'
import type { Controller } from '../context.ts'
import { isNamespaceTerminating } from '../errors.ts'
import { isDeleting, nameOf, namespaceOf } from '../objects.ts'
import { enqueueSelf, queueOf, workersOf } from '../wiring.ts'

const defaultName = 'default'

export const serviceAccountController: Controller = {
  name: 'serviceaccount-controller',
  serviceAccount: 'service-account-controller',
  setup: (context) => {
    const { client, informers } = context
    const queue = queueOf(context)
    const spaces = informers.for(namespaces)
    const accounts = informers.for(serviceAccounts)
    spaces.addHandler({ onAdd: enqueueSelf(queue), onUpdate: (_old, namespace) => enqueueSelf(queue)(namespace) })
    accounts.addHandler({
      onDelete: (account) => {
        if (nameOf(account) === defaultName) queue.add(namespaceOf(account))
      },
    })

    const reconcile = async (name: string): Promise<undefined> => {
      const namespace = spaces.lister.get(name)
      if (namespace === undefined || isDeleting(namespace) || namespace.status?.phase === 'Terminating') return
      if (accounts.lister.get(`${name}/${defaultName}`) !== undefined) return
      try {
        await client.create(serviceAccounts, { metadata: { name: defaultName, namespace: name } })
      } catch (error) {
        // Made by another, or the namespace is gone or going.
        if (!isReason(error, 'AlreadyExists', 'NotFound') && !isNamespaceTerminating(error)) throw error
      }
    }
    return workersOf(context, { name: 'serviceaccount-controller', queue, concurrency: 1, reconcile })
  },
}
