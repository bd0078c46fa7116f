/** Serves /openapi/v2 and /openapi/v3: documents are built when first asked for, and kept as bytes. */
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Descriptions, loadDescriptions, noDescriptions } from '../../api/openapi/descriptions.ts'
import { encodeOpenApiV2, protobufAcceptType, protobufContentType } from '../../api/openapi/v2-protobuf.ts'
import { openApiV2Document } from '../../api/openapi/v2.ts'
import { openApiHash, openApiV3Document, openApiV3Index } from '../../api/openapi/v3.ts'
import { resourceRows } from '../../api/schema/resource-table.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import { versionInfo } from '../discovery/version.ts'
import type { HttpContext } from '../server/context.ts'
import { sendBytes, sendText } from '../server/respond.ts'

interface Document {
  readonly contentType: string
  readonly bytes: Buffer
  readonly etag: string
}

const json = 'application/json'

const toDocument = (contentType: string, bytes: Buffer): Document => ({
  contentType,
  bytes,
  etag: `"${openApiHash(bytes)}"`,
})

/** Texts come from an installed package; without them the API works, and `kubectl explain` shows types alone. */
const descriptionsOrNone = async (log: Logger): Promise<Descriptions> => {
  try {
    return await loadDescriptions({ cacheFile: join(tmpdir(), `kubets-descriptions-${versionInfo.gitVersion}.json`) })
  } catch (err) {
    log.warn({ err }, 'OpenAPI documents will have no descriptions')
    return noDescriptions
  }
}

const send = (ctx: HttpContext, { contentType, bytes, etag }: Document): void => {
  ctx.response.setHeader('Etag', etag)
  ctx.response.setHeader('Vary', 'Accept')
  if (ctx.request.headers['if-none-match'] === etag) {
    ctx.response.writeHead(304).end()
    return
  }
  sendBytes(ctx, 200, contentType, bytes)
}

/** The handler of /openapi/…; resolves to false for paths that it does not know. */
export const createOpenApiHandler = (log: Logger): ((ctx: HttpContext) => Promise<boolean>) => {
  const documents = new Map<string, Promise<Document | undefined>>()
  let descriptions: Promise<Descriptions> | undefined

  /** What a client may cache for ever: a document depends on this program and on nothing else. */
  const hashOf = (group: string, version: string): string =>
    openApiHash([versionInfo.gitVersion, group, version].join('/'))

  const kept = (key: string, build: (texts: Descriptions) => Document | undefined): Promise<Document | undefined> => {
    const known = documents.get(key)
    if (known !== undefined) return known
    descriptions ??= descriptionsOrNone(log)
    const document = descriptions.then(build)
    documents.set(key, document)
    return document
  }

  const index = (): Document => {
    const groups = new Map(resourceRows().map(({ group, version }) => [`${group}/${version}`, { group, version }]))
    const hashed = [...groups.values()].map(({ group, version }) => ({ group, version, hash: hashOf(group, version) }))
    return toDocument(json, Buffer.from(JSON.stringify(openApiV3Index(hashed))))
  }

  const v3 = (path: string): Promise<Document | undefined> => {
    const [root, first = '', second] = path.slice('/openapi/v3/'.length).split('/')
    const [group, version] = root === 'api' ? ['', first] : [first, second ?? '']
    return kept(path, (texts) => {
      const document = openApiV3Document(group, version, { descriptions: texts })
      return document === undefined ? undefined : toDocument(json, Buffer.from(JSON.stringify(document)))
    })
  }

  const v2 = (accept: string): Promise<Document | undefined> =>
    accept.includes(protobufAcceptType)
      ? kept('v2 protobuf', (texts) =>
          toDocument(protobufContentType, Buffer.from(encodeOpenApiV2(openApiV2Document({ descriptions: texts })))),
        )
      : kept('v2', (texts) => toDocument(json, Buffer.from(JSON.stringify(openApiV2Document({ descriptions: texts })))))

  return async (ctx) => {
    const path = ctx.info.path.replace(/\/$/, '')
    if (path === '/openapi/v3') {
      send(ctx, index())
      return true
    }
    if (path !== '/openapi/v2' && !path.startsWith('/openapi/v3/')) return false
    const document = await (path === '/openapi/v2' ? v2(ctx.request.headers.accept ?? '') : v3(path))
    if (document === undefined) sendText(ctx, 404, '404 page not found\n')
    else send(ctx, document)
    return true
  }
}
