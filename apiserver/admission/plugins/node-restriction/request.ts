/** What the rules of NodeRestriction see: a request, and which node makes it. */
import type { Node, Pod } from '../../../../api/types.ts'
import type { Authorizer } from '../../../authorization/authorizer.ts'
import type { Resource } from '../../../registry/resource.ts'
import type { AdmissionAttributes } from '../../admission.ts'
import { admissionForbidden } from '../../forbidden.ts'

export interface NodeRestrictionDeps {
  readonly nodes: Resource
  readonly pods: Resource
  readonly claims: Resource
  readonly volumes: Resource
  readonly csiDrivers: Resource
  readonly authorizer: Authorizer
}

export interface NodeRequest {
  readonly attributes: AdmissionAttributes
  /** The node's name. */
  readonly self: string
  /** The name in quotes, as messages have it. */
  readonly shown: string
  readonly deps: NodeRestrictionDeps
  /** Throws Forbidden. */
  readonly refuse: (message: string) => never
}

export const nodeRequest = (attributes: AdmissionAttributes, self: string, deps: NodeRestrictionDeps): NodeRequest => ({
  attributes,
  self,
  shown: JSON.stringify(self),
  deps,
  refuse: (message) => {
    throw admissionForbidden(attributes, message)
  },
})

export const storedPod = async ({ attributes, deps }: NodeRequest, name: string): Promise<Pod | undefined> =>
  (await deps.pods.store.getCached(`${attributes.namespace}/${name}`))?.object as Pod | undefined

export const storedNode = async ({ self, deps }: NodeRequest): Promise<Node | undefined> =>
  (await deps.nodes.store.getCached(self))?.object as Node | undefined
