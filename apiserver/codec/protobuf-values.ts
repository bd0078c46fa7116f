/**
 * Messages that JSON writes as something else than an object of their fields, both ways.
 * Upstream: the Marshal and MarshalJSON methods of each type.
 */
import { parseJson } from '../../api/codec/json.ts'

export type Fields = Record<string, unknown>

export interface SpecialMessage {
  /** The JSON value of the message's fields; undefined is no value at all. */
  readonly fromFields: (fields: Fields) => unknown
  /** The fields of a JSON value; undefined makes an empty message. */
  readonly toFields: (value: unknown) => Fields | undefined
}

const machinery = 'k8s.io.apimachinery.pkg.'
const extensions = 'k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1.'

/** Whole seconds of an RFC 3339 text, as Date counts them, and its microseconds. */
const instant = (value: unknown): { seconds: number; micros: number } | undefined => {
  if (typeof value !== 'string') return undefined
  const ms = Date.parse(value)
  if (Number.isNaN(ms)) return undefined
  const dot = value.indexOf('.', 19)
  const micros = dot < 0 ? 0 : Number(/^\d{1,6}/.exec(value.slice(dot + 1))?.[0].padEnd(6, '0') ?? 0)
  const seconds = Math.floor(ms / 1000)
  // Go's zero time is no time.
  return seconds === -62135596800 && micros === 0 ? undefined : { seconds, micros }
}

const secondsText = (seconds: unknown): string =>
  new Date((typeof seconds === 'number' ? seconds : 0) * 1000).toISOString().slice(0, 19)

const isEmpty = ({ seconds, nanos }: Fields): boolean => seconds === undefined && nanos === undefined

/** metav1.Time has no fractions: what a client sends of them is dropped. */
const time: SpecialMessage = {
  fromFields: (fields) => (isEmpty(fields) ? undefined : `${secondsText(fields['seconds'])}Z`),
  toFields: (value) => {
    const at = instant(value)
    return at && { seconds: at.seconds, nanos: 0 }
  },
}

const microTime: SpecialMessage = {
  fromFields: (fields) => {
    if (isEmpty(fields)) return undefined
    const nanos = typeof fields['nanos'] === 'number' ? fields['nanos'] : 0
    return `${secondsText(fields['seconds'])}.${String(Math.floor(nanos / 1000)).padStart(6, '0')}Z`
  },
  toFields: (value) => {
    const at = instant(value)
    return at && { seconds: at.seconds, nanos: at.micros * 1000 }
  },
}

const quantity: SpecialMessage = {
  fromFields: ({ string }) => string ?? '0',
  toFields: (value) => ({ string: typeof value === 'number' || typeof value === 'string' ? String(value) : '0' }),
}

const intOrString: SpecialMessage = {
  fromFields: ({ type, intVal, strVal }) => (type === 1 ? (strVal ?? '') : (intVal ?? 0)),
  toFields: (value) => (typeof value === 'string' ? { type: 1, strVal: value } : { type: 0, intVal: value }),
}

/** A value of any shape, as JSON in bytes. */
const embeddedJson = (field: string): SpecialMessage => ({
  fromFields: (fields) => {
    const raw = fields[field]
    return typeof raw !== 'string' || raw === '' ? undefined : parseJson(Buffer.from(raw, 'base64')).value
  },
  toFields: (value) => (value === undefined || value === null ? {} : { [field]: Buffer.from(JSON.stringify(value)) }),
})

/** A list that is a message because it is a type of its own. */
const items: SpecialMessage = {
  fromFields: (fields) => fields['items'] ?? [],
  toFields: (value) => ({ items: value }),
}

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value)

/** A schema, or a list in the field of that name. */
const schemaOrList = (list: string): SpecialMessage => ({
  fromFields: (fields) => fields['schema'] ?? fields[list] ?? [],
  toFields: (value) => (isObject(value) ? { schema: value } : { [list]: value }),
})

const schemaOrBool: SpecialMessage = {
  fromFields: ({ schema, allows }) => schema ?? allows ?? false,
  toFields: (value) => (isObject(value) ? { allows: true, schema: value } : { allows: value === true }),
}

const special: Readonly<Record<string, SpecialMessage>> = {
  [`${machinery}apis.meta.v1.Time`]: time,
  [`${machinery}apis.meta.v1.MicroTime`]: microTime,
  [`${machinery}api.resource.Quantity`]: quantity,
  [`${machinery}util.intstr.IntOrString`]: intOrString,
  [`${machinery}runtime.RawExtension`]: embeddedJson('raw'),
  [`${machinery}apis.meta.v1.FieldsV1`]: embeddedJson('Raw'),
  [`${machinery}apis.meta.v1.Verbs`]: items,
  [`${extensions}JSON`]: embeddedJson('raw'),
  [`${extensions}JSONSchemaPropsOrArray`]: schemaOrList('jSONSchemas'),
  [`${extensions}JSONSchemaPropsOrStringArray`]: schemaOrList('property'),
  [`${extensions}JSONSchemaPropsOrBool`]: schemaOrBool,
}

/** The conversion of that message, or undefined where JSON has an object of its fields. */
export const specialMessage = (name: string): SpecialMessage | undefined =>
  special[name] ?? (name.endsWith('.ExtraValue') ? items : undefined)
