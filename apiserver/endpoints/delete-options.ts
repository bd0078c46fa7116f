/** DeleteOptions, from the body and from the query. */
import { jsonText } from '../../api/codec/encode.ts'
import { decodeInto } from '../../api/codec/decode.ts'
import { type FieldError, invalid, notSupported } from '../../api/meta/field-error.ts'
import { parseYaml } from '../../api/codec/yaml.ts'
import { badRequest, unsupportedMediaType } from '../../api/meta/status-error.ts'
import { schemaByRef } from '../../api/schema/schema.ts'
import type { DeleteOptions } from '../registry/delete.ts'
import { decodeProtobuf, ProtobufError, protobufMediaType } from '../codec/protobuf.ts'
import { readBody } from '../server/body.ts'
import type { HttpContext } from '../server/context.ts'
import { acceptedBodies, mediaTypeOf } from './decode.ts'
import { invalidOptions } from './options.ts'
import { queryBool } from '../../api/meta/query-bool.ts'

const deleteOptionsName = 'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions'
const policies: readonly string[] = ['Foreground', 'Background', 'Orphan']

export interface DeleteRequest {
  readonly options: DeleteOptions
  readonly dryRun: boolean
}

const fromQuery = (query: URLSearchParams): Record<string, unknown> => {
  const grace = query.get('gracePeriodSeconds')
  if (grace !== null && !/^-?\d{1,10}$/.test(grace)) {
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(grace)}: invalid syntax`)
  }
  const orphan = query.get('orphanDependents')
  const policy = query.get('propagationPolicy')
  return {
    ...(grace === null ? {} : { gracePeriodSeconds: Number(grace) }),
    ...(orphan === null ? {} : { orphanDependents: queryBool(query, 'orphanDependents') }),
    ...(policy === null ? {} : { propagationPolicy: policy }),
    dryRun: query.getAll('dryRun').filter((value) => value !== ''),
  }
}

const protobufValue = (body: Buffer): Record<string, unknown> => {
  try {
    return decodeProtobuf(body, deleteOptionsName)
  } catch (error) {
    throw error instanceof ProtobufError ? badRequest(error.message) : error
  }
}

const fromBody = (ctx: HttpContext, body: Buffer): Record<string, unknown> => {
  const mediaType = mediaTypeOf(ctx)
  if (mediaType !== '' && !acceptedBodies.includes(mediaType)) throw unsupportedMediaType(acceptedBodies)
  const schema = schemaByRef(deleteOptionsName)
  if (schema?.type !== 'object') throw new Error('the schema table has no DeleteOptions')
  const value = mediaType === protobufMediaType ? protobufValue(body) : parseYaml(body).value
  const kind = typeof value === 'object' && value !== null && 'kind' in value ? value.kind : undefined
  if (kind !== undefined && kind !== 'DeleteOptions')
    throw badRequest(`decoded object cannot be converted to DeleteOptions`)
  const options = decodeInto(schema, value).value
  if (ctx.audit?.recordsRequest === true) ctx.audit.requestBody(jsonText({ kind: 'DeleteOptions', ...options }))
  return options
}

/** Throws Invalid. */
export const checkDeleteOptions = (raw: object): void => {
  const { propagationPolicy: policy, orphanDependents: orphan, dryRun } = raw as Record<string, unknown>
  const errors: FieldError[] = []
  if (policy !== undefined && orphan !== undefined) {
    errors.push(invalid('propagationPolicy', policy, 'orphanDependents and deletionPropagation cannot be both set'))
  }
  if (policy !== undefined && (typeof policy !== 'string' || !policies.includes(policy))) {
    errors.push(notSupported('propagationPolicy', policy, [...policies, 'nil']))
  }
  if (Array.isArray(dryRun) && dryRun.some((value) => value !== 'All'))
    errors.push(notSupported('dryRun', dryRun, ['All']))
  if (errors.length > 0) throw invalidOptions('DeleteOptions', errors)
}

/** Reads and checks them; a body wins over the query, as upstream. */
export const readDeleteOptions = async (ctx: HttpContext): Promise<DeleteRequest> => {
  const body = await readBody(ctx.request)
  const raw = body.length > 0 ? fromBody(ctx, body) : fromQuery(ctx.query)
  checkDeleteOptions(raw)
  const { dryRun, ...options } = raw as DeleteOptions & { dryRun?: string[] }
  return { options, dryRun: (dryRun ?? []).length > 0 }
}
