/** The 403 of the authorization filter. Upstream: responsewriters.Forbidden and forbiddenMessage. */
import { StatusError } from '../../api/meta/status-error.ts'
import type { Attributes } from './authorizer.ts'

const groupResource = ({ group, resource }: Attributes): string => (group === '' ? resource : `${resource}.${group}`)

/** `User "x" cannot list resource "pods" in API group "" in the namespace "default"` */
export const forbiddenMessage = (attributes: Attributes): string => {
  const { user, verb, group, namespace, path } = attributes
  const who = `User ${JSON.stringify(user.name)} cannot ${verb}`
  if (!attributes.isResourceRequest) return `${who} path ${JSON.stringify(path)}`
  const resource =
    attributes.subresource === '' ? attributes.resource : `${attributes.resource}/${attributes.subresource}`
  const what = `${who} resource ${JSON.stringify(resource)} in API group ${JSON.stringify(group)}`
  return namespace === '' ? `${what} at the cluster scope` : `${what} in the namespace ${JSON.stringify(namespace)}`
}

export const forbiddenRequest = (attributes: Attributes, reason: string): StatusError => {
  const message = reason === '' ? forbiddenMessage(attributes) : `${forbiddenMessage(attributes)}: ${reason}`
  if (!attributes.isResourceRequest) {
    return new StatusError('Forbidden', `forbidden: ${message}`, { details: {} })
  }
  const { name, group, resource } = attributes
  const subject = name === '' ? groupResource(attributes) : `${groupResource(attributes)} ${JSON.stringify(name)}`
  return new StatusError('Forbidden', `${subject} is forbidden: ${message}`, {
    details: { ...(name === '' ? {} : { name }), ...(group === '' ? {} : { group }), kind: resource },
  })
}
