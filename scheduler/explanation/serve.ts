/** Explanations on the secure port: `GET /debug/pods/<namespace>/<name>/explanation`, for who may get that path. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Explanation, toText } from './explanation.ts'

const path = /^\/debug\/pods\/([^/]+)\/([^/]+)\/explanation$/

/** Text for who asks for it by `?format=text` or Accept, else JSON. */
const wantsText = (request: IncomingMessage, query: URLSearchParams): boolean => {
  const accept = request.headers.accept ?? ''
  return query.get('format') === 'text' || (accept.includes('text/plain') && !accept.includes('json'))
}

/** False: the path is another one's. */
export const answerExplanation =
  (find: (namespace: string, name: string) => Explanation | undefined) =>
  (request: IncomingMessage, response: ServerResponse): boolean => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'https://localhost')
    const [, namespace, name] = path.exec(pathname) ?? []
    if (namespace === undefined || name === undefined) return false
    const found = find(decodeURIComponent(namespace), decodeURIComponent(name))
    if (found === undefined) {
      const text = `no attempt to schedule ${namespace}/${name} is known: it has a node, is gated, or this scheduler does not lead\n`
      response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' }).end(text)
    } else if (wantsText(request, searchParams)) {
      response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' }).end(toText(found))
    } else {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(found))
    }
    return true
  }
