/** pods/log: the kubelet's answer, passed on. Upstream: pkg/registry/core/pod/rest/log.go, LocationStreamer */
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { parsePodLogOptions, validatePodLogOptions } from '../../api/core/pod-log-options.ts'
import { invalidObject } from '../../api/meta/field-error.ts'
import { StatusError } from '../../api/meta/status-error.ts'
import { sinkOf } from '../server/message.ts'
import { backendUrl, dialErrorText, kubeletBackend, openRequest } from './backend.ts'
import { type AnyConnectContext, type ConnectContext, getNode, getPod } from './context.ts'
import { kubeletAddress } from './kubelet-address.ts'
import { kubeletError } from './kubelet-error.ts'
import { chooseContainer, logPath } from './pod-location.ts'

/** Upstream: maxReadLength. */
const maxErrorBytes = 50_000

const textOf = async (response: IncomingMessage): Promise<string> => {
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) {
    text += String(chunk)
    if (text.length > maxErrorBytes) break
  }
  return text.slice(0, maxErrorBytes)
}

/** The kubelet's response, or undefined where the Pod is on no node yet. Throws StatusError. */
export const openPodLog = async (ctx: AnyConnectContext): Promise<IncomingMessage | undefined> => {
  const { namespace, name } = ctx.info
  const options = parsePodLogOptions(ctx.query)
  const errors = validatePodLogOptions(options)
  if (errors.length > 0) throw invalidObject({ group: '', kind: 'PodLogOptions' }, name, errors)
  const pod = await getPod(ctx, namespace, name)
  const container = chooseContainer(pod, options.container)
  const nodeName = pod.spec?.nodeName ?? ''
  if (nodeName === '') return undefined
  const address = kubeletAddress(await getNode(ctx, nodeName), ctx.kubelet.preferredAddressTypes)
  const backend = await kubeletBackend(ctx.kubelet, address, logPath(pod, container, options), {
    verify: !options.insecureSkipTLSVerifyBackend,
  })
  const request = openRequest(backend, 'GET', {}, ctx.signal)
  request.end()
  const [response] = (await once(request, 'response').catch((error: unknown) => {
    throw new StatusError('', `Get ${JSON.stringify(backendUrl(backend))}: ${dialErrorText(error, backend)}`, {
      code: 500,
      cause: error,
    })
  })) as [IncomingMessage]
  const code = response.statusCode ?? 0
  if (code < 200 || code > 206) throw kubeletError(code, await textOf(response), 'pods/log', name)
  return response
}

export const podLog = async (ctx: ConnectContext): Promise<void> => {
  const log = await openPodLog(ctx)
  const { response } = ctx
  if (log === undefined) {
    response.writeHead(204).end()
    return
  }
  response.writeHead(200, { 'Content-Type': 'text/plain' })
  // A follower of a silent container must see that it is connected.
  response.flushHeaders()
  await pipeline(log, sinkOf(response)).catch((error: unknown) => {
    // The status is out: all that can be said now is that the text is not complete.
    if (!ctx.signal.aborted) ctx.log.debug({ err: error, path: ctx.info.path }, 'log stream broke off')
    response.destroy()
  })
}
