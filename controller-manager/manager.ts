/** Starts controllers on shared caches, each with the identity that it is to have. */
import { createInformerFactory } from '../client/cache/informer.ts'
import { createEventRecorder } from '../client/events/event-recorder.ts'
import type { ClientConfig } from '../component-base/kubeconfig.ts'
import { createRestClient, type RestClient } from '../client/rest/rest-client.ts'
import { type Clock, realClock } from '../component-base/clock.ts'
import type { Logger } from '../component-base/logging/logger.ts'
import type { Controller, ControllerContext, RunController } from './context.ts'
import { type ManagerMetrics, queueName } from './metrics.ts'
import type { ControllerManagerConfig } from './options.ts'
import { createServiceAccountTokens } from './service-account-tokens.ts'

export interface ManagerOptions {
  /** The manager's own identity: it reads all caches, and writes where controllers have none of their own. */
  readonly client: RestClient
  readonly clientConfig: ClientConfig
  readonly config: ControllerManagerConfig
  readonly metrics: ManagerMetrics
  readonly log: Logger
  readonly signal: AbortSignal
  /** What controllers take for the time; default: the real one. */
  readonly clock?: Clock
}

/** Runs the controllers until the signal is aborted. */
export const runControllers = async (selected: readonly Controller[], options: ManagerOptions): Promise<void> => {
  const { client, clientConfig, config, log, metrics, signal, clock = realClock } = options
  const informers = createInformerFactory(client, log)
  const tokens = config['use-service-account-credentials']
    ? createServiceAccountTokens(client, { clock: realClock, log, signal })
    : undefined
  const clientOf = ({ name, serviceAccount }: Controller): RestClient => {
    if (serviceAccount === undefined || tokens === undefined) return client
    const own: ClientConfig = {
      ...clientConfig,
      cert: () => undefined,
      key: () => undefined,
      token: () => tokens.tokenOf(serviceAccount),
    }
    return createRestClient(own, { userAgent: `kube-controller-manager/v1.36.0 ${name}` })
  }
  await tokens?.prepare(selected.flatMap(({ serviceAccount }) => serviceAccount ?? []))

  const runs: RunController[] = []
  for (const controller of selected) {
    const own = clientOf(controller)
    const context: ControllerContext = {
      client: own,
      informers,
      events: createEventRecorder(own, { component: controller.eventSource ?? controller.name }),
      log: log.child({ controller: controller.name }),
      clock,
      observeQueue: () => metrics.queues.observer(queueName(controller.name)),
      config,
      signal,
    }
    const start = controller.setup(context)
    if (start === undefined) log.debug({ controller: controller.name }, 'not started: its flags are not set')
    else runs.push(metrics.whileRunning(controller.name, start))
  }
  informers.start(signal)
  await informers.whenSynced(signal)
  log.info({ controllers: runs.length }, 'controllers started')
  await Promise.all(runs.map((start) => start()))
}
