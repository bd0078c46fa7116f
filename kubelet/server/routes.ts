/** What the kubelet answers on which path, apart from upgrades. Upstream: pkg/kubelet/server/server.go */
import type { ServerResponse } from 'node:http'
import type { Clock } from '../../component-base/clock.ts'
import { HealthChecks } from '../../component-base/healthz/healthz.ts'
import type { KubeletServerBackend } from './backend.ts'
import { checkpoint } from './checkpoint.ts'
import { containerLogs } from './container-logs.ts'
import { HttpError, type KubeletRequest, sendJson, sendText } from './http.ts'
import { nodeLogs } from './node-logs.ts'
import { podList } from './pods.ts'
import { runCommand } from './run.ts'

export interface RouteDependencies {
  readonly backend: KubeletServerBackend
  readonly clock: Clock
}

type Route = (request: KubeletRequest, response: ServerResponse) => Promise<void>

/** Handlers by the first part of the path. */
export const createRoutes = ({ backend, clock }: RouteDependencies): Readonly<Record<string, Route>> => {
  const health = new HealthChecks()
  for (const [name, check] of Object.entries(backend.healthChecks)) health.add(name, check)

  return {
    healthz: async ({ path, query }, response) => {
      const answer = await health.answer(path, query)
      if (answer === undefined) throw notFound()
      sendText(response, answer.code, answer.text)
    },
    pods: async (_request, response) => sendJson(response, podList(backend.getPods())),
    runningpods: async (_request, response) => sendJson(response, podList(await backend.runningPods())),
    stats: async ({ segments }, response) => {
      if (segments[1] !== 'summary') throw notFound()
      sendJson(response, await backend.statsSummary())
    },
    metrics: async ({ path }, response) => {
      const text = await backend.metrics(path.replace(/\/$/, ''))
      if (text === undefined) throw notFound()
      response.setHeader('Content-Type', 'text/plain; version=0.0.4; charset=utf-8')
      response.end(text)
    },
    configz: async (_request, response) => sendJson(response, backend.configz()),
    containerLogs: async (request, response) => containerLogs(request, response, { backend, clock }),
    run: async (request, response) => runCommand(request, response, backend),
    exec: upgradeRequired,
    attach: upgradeRequired,
    portForward: upgradeRequired,
    logs: async (request, response) => {
      if (!backend.servesNodeLogs) throw new HttpError(405, 'logs endpoint is disabled.')
      if (request.query.has('query')) throw new HttpError(501, 'queries of node logs are not implemented by kubets')
      await nodeLogs(request, response)
    },
    checkpoint: async (request, response) => checkpoint(request, response, backend),
  }
}

export const notFound = (): HttpError => new HttpError(404, '404 page not found\n')

const upgradeRequired = async (): Promise<void> => {
  throw new HttpError(400, 'Upgrade request required')
}
