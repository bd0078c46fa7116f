/**
 * From a request body to an object of the wanted kind: media type, parse, schema, strict fields.
 * Upstream: the decoding part of createHandler, with transformDecodeError's messages.
 */
import { customHead, decodeCustom } from '../../api/apiextensions/decode-custom.ts'
import { type Decoded, decodeInto, strictDecodingError, strictProblems, undecodable } from '../../api/codec/decode.ts'
import { DecodeError } from '../../api/codec/decode-context.ts'
import { JsonSyntaxError, type ParsedText, parseJson } from '../../api/codec/json.ts'
import { parseYaml } from '../../api/codec/yaml.ts'
import { badRequest, unsupportedMediaType } from '../../api/meta/status-error.ts'
import { type Gvk, type ObjectSchema, schemaFor } from '../../api/schema/schema.ts'
import type { KindDefinition } from '../../api/kind.ts'
import type { KubeObject } from '../../api/types.ts'
import { apiVersionOf } from '../registry/resource.ts'
import { decodeProtobuf, ProtobufError, protobufMediaType } from '../codec/protobuf.ts'
import { readBody } from '../server/body.ts'
import type { HttpContext } from '../server/context.ts'
import type { FieldValidation } from './options.ts'

/** Media types of bodies, as a refusal names them. */
export const acceptedBodies: readonly string[] = ['application/json', 'application/yaml', protobufMediaType]

/** `application/json` of `application/json; charset=utf-8`. */
export const mediaTypeOf = (ctx: HttpContext): string =>
  (ctx.request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? ''

const summarize = (body: Buffer): string => {
  if (body.length === 0) return '<empty>'
  const cut = body.length > 30
  const head = body.subarray(0, 30)
  return `${body[0] === 0x7b ? head.toString('utf8') : head.toString('hex')}${cut ? ' ...' : ''}`
}

/** A kind as a body is read for it: one of ours by its generated schema, a custom resource by its own. */
export type DecodedKind = Gvk & Pick<KindDefinition, 'custom'>

const schemaOf = ({ group, version, kind, custom }: DecodedKind): ObjectSchema => {
  if (custom !== undefined) return customHead()
  const schema = schemaFor(group, version, kind)
  if (schema === undefined) throw new Error(`no schema for ${group}/${version} ${kind}`)
  return schema
}

/** The parsed body; throws UnsupportedMediaType or BadRequest. */
const parseBody = (
  mediaType: string,
  body: Buffer,
  schema: ObjectSchema,
  { kind, custom }: DecodedKind,
  strict: boolean,
): ParsedText => {
  const isCustom = custom !== undefined
  const accepted = isCustom ? acceptedBodies.filter((type) => type !== protobufMediaType) : acceptedBodies
  if (mediaType !== '' && !accepted.includes(mediaType)) throw unsupportedMediaType(accepted)
  const unrecognized = (why: string) =>
    badRequest(`the object provided is unrecognized (must be of type ${kind}): ${why} (${summarize(body)})`)
  if (mediaType === 'application/yaml') return parseYaml(body)
  try {
    if (mediaType === protobufMediaType) return { value: decodeProtobuf(body, schema.name), duplicates: [] }
    return parseJson(body, { strict })
  } catch (error) {
    if (error instanceof ProtobufError) {
      if (error.type === undefined) throw unrecognized(error.message)
      // An envelope that names no kind is taken for the wanted one.
      throw undecodable(schema, error.type.kind === '' ? undefined : error.type, error.message)
    }
    if (!(error instanceof JsonSyntaxError)) throw error
    throw unrecognized(`couldn't get version/kind; json parse error: ${error.message}`)
  }
}

/** The parsed value as an object of the kind; it is changed in place. Throws BadRequest. */
const decodeAs = ({ custom }: DecodedKind, schema: ObjectSchema, { value, source }: ParsedText): Decoded => {
  if (custom === undefined) return decodeInto(schema, value, source)
  try {
    return decodeCustom(custom, value)
  } catch (error) {
    if (error instanceof DecodeError) throw undecodable(schema, value, error.message)
    throw error
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Where upstream makes the scheme of a group: its name in messages. */
const schemes: Readonly<Record<string, string>> = {
  'apiextensions.k8s.io': 'k8s.io/apiextensions-apiserver/pkg/apiserver/apiserver.go:55',
  'apiregistration.k8s.io': 'k8s.io/kube-aggregator/pkg/apiserver/scheme/scheme.go:28',
}
const legacyScheme = 'k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30'

/** Upstream's package of the internal type of a kind. */
const internalPackage = (group: string): string =>
  group === '' || group === 'events.k8s.io' ? 'core' : (group.split('.')[0] ?? group)

const given = (value: unknown, otherwise: string): string =>
  typeof value === 'string' && value !== '' ? value : otherwise

/** A body without kind or apiVersion is taken for the wanted one; others must match. */
const checkType = (value: unknown, wanted: Gvk, schema: ObjectSchema): void => {
  if (!isObject(value)) return
  const wantedVersion = apiVersionOf(wanted)
  const kind = given(value['kind'], wanted.kind)
  const apiVersion = given(value['apiVersion'], wantedVersion)
  if (kind === wanted.kind && apiVersion === wantedVersion) return
  const slash = apiVersion.indexOf('/')
  const [group, version] = [apiVersion.slice(0, Math.max(slash, 0)), apiVersion.slice(slash + 1)]
  const claimed = { kind, apiVersion }
  if (schemaFor(group, version, kind) === undefined) {
    const scheme = schemes[wanted.group] ?? legacyScheme
    throw undecodable(
      schema,
      claimed,
      `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)} in scheme ${JSON.stringify(scheme)}`,
    )
  }
  const internal = internalPackage(wanted.group)
  if (kind === wanted.kind && internalPackage(group) === internal) {
    throw badRequest(
      `the API version in the data (${apiVersion}) does not match the expected API version (${wantedVersion})`,
    )
  }
  throw undecodable(
    schema,
    claimed,
    `converting (${version}.${kind}) to (${internal}.${wanted.kind}): unknown conversion`,
  )
}

/** Reports strict problems as the request wants it: not at all, as warnings, or as 400. */
const report = (
  ctx: HttpContext,
  schema: ObjectSchema,
  value: unknown,
  problems: readonly string[],
  validation: FieldValidation,
): void => {
  if (problems.length === 0 || validation === 'Ignore') return
  if (validation === 'Strict') throw strictDecodingError(schema, value, problems)
  ctx.warnings.push(...problems)
}

/** Checks a value against the schema of `wanted` and makes it an object of that kind; the value is changed in place. */
export const decodeValueAs = (
  ctx: HttpContext,
  parsed: ParsedText,
  wanted: DecodedKind,
  validation: FieldValidation,
): KubeObject => {
  const schema = schemaOf(wanted)
  checkType(parsed.value, wanted, schema)
  const { value, unknownFields } = decodeAs(wanted, schema, parsed)
  report(ctx, schema, value, strictProblems(unknownFields, parsed), validation)
  value['kind'] = wanted.kind
  value['apiVersion'] = apiVersionOf(wanted)
  return value
}

/** Decodes bytes that were read before: every call gives a fresh object. */
export const decodeBytesAs = (
  ctx: HttpContext,
  body: Buffer,
  wanted: DecodedKind,
  validation: FieldValidation,
): KubeObject =>
  decodeValueAs(
    ctx,
    parseBody(mediaTypeOf(ctx), body, schemaOf(wanted), wanted, validation !== 'Ignore'),
    wanted,
    validation,
  )

export const decodeBody = async (
  ctx: HttpContext,
  wanted: DecodedKind,
  validation: FieldValidation,
): Promise<KubeObject> => {
  const object = decodeBytesAs(ctx, await readBody(ctx.request), wanted, validation)
  ctx.audit?.requestObject(object)
  return object
}
