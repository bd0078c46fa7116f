/** What a row of the matrix may say of its resource. */
import { equalJson } from '../../../api/meta/clone.ts'
import type { KubeObject } from '../../../api/types.ts'

export interface Rules {
  /** Merge patch of what a client may change beside metadata; absent: nothing. Makes a new generation where counted. */
  readonly edit?: object
  /** Merge patch that the status endpoint takes, of what stands under `status`. */
  readonly status?: object
  /** The status of a new object; absent: none. */
  readonly emptyStatus?: object
  /** metadata.generation counts. */
  readonly counted?: true
  /** PUT must name the resourceVersion. */
  readonly versionNeeded?: true
  /** PUT to a name that is not there creates it. */
  readonly madeByPut?: true
  /** Deletion answers with the object, not with a Status. */
  readonly answersWithObject?: true
  /** Merge patch that makes a second object of the corpus' one, where its name says what it is. */
  readonly second?: object
  /** Finalizers that the server adds to every new object. */
  readonly finalizers?: readonly string[]
  /** Dependents stay unless the client asks for more. */
  readonly orphansByDefault?: true
  /** A new object may have a status. */
  readonly createdWithStatus?: true
  /** The main endpoint takes a status, too. */
  readonly mainWritesStatus?: true
  /** Nobody owns what the row's status changes. */
  readonly statusIsNotOwned?: true
  /** The API server's own controllers write it too, and clean up when it goes: whether they have nothing to do now. */
  readonly settled?: (object: KubeObject) => boolean
  /** Deletion knows no orphan and foreground. */
  readonly ignoresPropagation?: true
}

/** A CustomResourceDefinition is served under its names. */
export const isEstablished = (object: KubeObject): boolean => {
  const { names } = object['spec'] as { names: object }
  const { acceptedNames, conditions } = (object['status'] ?? {}) as {
    acceptedNames?: object
    conditions?: { type: string; status: string }[]
  }
  const established = conditions?.some(({ type, status }) => type === 'Established' && status === 'True')
  return established === true && equalJson(names, acceptedNames)
}

/** The corpus' webhook with all its defaults, and another timeout. */
export const webhook = {
  name: 'sample.example.com',
  admissionReviewVersions: ['v1'],
  sideEffects: 'None',
  failurePolicy: 'Ignore',
  matchPolicy: 'Equivalent',
  namespaceSelector: {},
  objectSelector: {},
  timeoutSeconds: 5,
  clientConfig: { service: { namespace: 'kinds', name: 'sample', port: 443 } },
  rules: [
    { apiGroups: ['example.com'], apiVersions: ['v1'], resources: ['samples'], operations: ['CREATE'], scope: '*' },
  ],
}
