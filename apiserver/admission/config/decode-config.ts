/** Reads versioned configuration, strictly: an unknown field or version ends the start. */
import { decodeValue, strictProblems } from '../../../api/codec/decode.ts'
import { DecodeError } from '../../../api/codec/decode-context.ts'
import { isJsonObject } from '../../../api/patch/apply/typed-value.ts'
import { objectOf, text } from './schema.ts'
import type { ParsedText } from '../../../api/codec/json.ts'
import type { Schema } from '../../../api/schema/schema.ts'

/** What is wrong with a configuration; whoever reads it says whose it is. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

export interface ConfigKind {
  readonly kind: string
  /** Accepted apiVersions. */
  readonly apiVersions: readonly string[]
  readonly fields: Readonly<Record<string, Schema>>
}

/** Whether the document says that it is of this kind, in any version that is known. */
export const isOfKind = ({ value }: ParsedText, { kind, apiVersions }: ConfigKind): boolean =>
  isJsonObject(value) && value['kind'] === kind && apiVersions.includes(String(value['apiVersion']))

/** The document as an object of the kind's fields; absent ones stay absent. Throws ConfigError. */
export const decodeConfig = (document: ParsedText, config: ConfigKind): Record<string, unknown> => {
  const { value } = document
  if (!isJsonObject(value)) throw new ConfigError('the configuration is not a mapping')
  const { kind, apiVersion } = value
  if (typeof kind !== 'string' || kind === '') throw new ConfigError("Object 'Kind' is missing")
  if (typeof apiVersion !== 'string' || apiVersion === '') throw new ConfigError("Object 'apiVersion' is missing")
  if (!isOfKind(document, config)) {
    throw new ConfigError(`no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}`)
  }
  return decodeFields(document, objectOf(config.kind, { kind: text, apiVersion: text, ...config.fields }))
}

/** The same for configuration without kind and version. */
export const decodeFields = (document: ParsedText, schema: Schema): Record<string, unknown> => {
  try {
    // Decoding works in place; a document may be read by more than one.
    const decoded = decodeValue(schema, structuredClone(document.value))
    const problems = strictProblems(decoded.unknownFields, document)
    if (problems.length > 0) throw new ConfigError(`strict decoding error: ${problems.join(', ')}`)
    return decoded.value as Record<string, unknown>
  } catch (error) {
    if (error instanceof DecodeError) throw new ConfigError(error.message)
    throw error
  }
}
