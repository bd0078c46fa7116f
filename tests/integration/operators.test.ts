/** What authors of operators count on, on a control plane of `kubets/testing` with controllers and without nodes. */
import { after, before } from 'node:test'
import { startControlPlane } from '../../testing/control-plane.ts'
import { describeCustomObjects } from './operators/custom-objects.ts'
import { clientsOf, type Running } from './operators/environment.ts'
import { describeKopf } from './operators/kopf.ts'
import { describeTypeChecking } from './operators/type-checking.ts'
import { describeWebsites } from './operators/website-tests.ts'
import { webhookConfigurations, websiteDefinition } from './operators/website.ts'

let clients: Running | undefined
before(
  async () => {
    const environment = await startControlPlane({
      controllerManager: true,
      crds: [websiteDefinition],
      webhooks: { configurations: webhookConfigurations },
    })
    clients = clientsOf(environment)
  },
  { timeout: 60_000 },
)
after(() => clients?.environment.stop())

const running = (): Running => {
  if (clients === undefined) throw new Error('the control plane has not started')
  return clients
}

describeTypeChecking(running)
describeWebsites(running)
describeCustomObjects(running)
describeKopf(running)
