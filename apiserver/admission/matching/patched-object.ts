/** An object that a policy or webhook has patched takes the place of the request's. */
import { decodeValue } from '../../../api/codec/decode.ts'
import { schemaFor } from '../../../api/schema/schema.ts'
import type { KubeObject } from '../../../api/types.ts'
import { inVersion } from '../../registry/resource.ts'
import type { Resources } from '../../registry/resources.ts'
import type { AdmissionAttributes } from '../admission.ts'
import type { MatchedRequest } from './matcher.ts'

/** Reads what a patch has made as an object of its kind. Throws DecodeError where it is none. */
export const decodePatched = ({ kind }: MatchedRequest, patched: Record<string, unknown>): KubeObject => {
  const schema = schemaFor(kind.group, kind.version, kind.kind)
  return (schema === undefined ? patched : decodeValue(schema, patched).value) as KubeObject
}

/** The object in the version that the request was made in. */
const asRequested = (
  resources: Resources,
  { group, version, resource }: AdmissionAttributes,
  seen: MatchedRequest,
  object: KubeObject,
): KubeObject | Promise<KubeObject> => {
  if (seen.version === version && seen.group === group) return object
  const from = resources.get({ group: seen.group, version: seen.version, resource: seen.resource })
  return inVersion(from, resources.get({ group, version, resource }), object)
}

/** Fills the request's object, in place, with what `patched` holds. Who manages which field is not admission's to say. */
export const replaceObject = async (
  resources: Resources,
  attributes: AdmissionAttributes,
  seen: MatchedRequest,
  patched: KubeObject,
): Promise<void> => {
  const target = attributes.object as (KubeObject & Record<string, unknown>) | undefined
  if (target === undefined) return
  const { managedFields } = target.metadata ?? {}
  const source = await asRequested(resources, attributes, seen, patched)
  for (const name of Object.keys(target)) delete target[name]
  Object.assign(target, source)
  if (managedFields === undefined) delete target.metadata?.managedFields
  else target.metadata = { ...target.metadata, managedFields }
}
