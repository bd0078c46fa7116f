/** Requests that apply, and what managedFields say afterwards. */
import assert from 'node:assert/strict'
import type { KubeObject } from '../../../api/types.ts'
import type { TestCluster } from '../../harness/cluster.ts'
import { type Answer, createHttp, type Http, pkiCredentials } from '../../harness/http.ts'

export const adminHttp = (cluster: TestCluster): Http => createHttp(cluster, pkiCredentials(cluster, 'admin'))

export const configMaps = '/api/v1/namespaces/default/configmaps'
export const deployments = '/apis/apps/v1/namespaces/default/deployments'
export const services = '/api/v1/namespaces/default/services'

export interface ApplyOptions {
  readonly manager?: string
  /** More of the query: `force=true`. */
  readonly query?: string
}

/** Applies `configuration`, an object or YAML, to the path. */
export const applyTo = (
  http: Http,
  path: string,
  configuration: unknown,
  { manager = 'tester', query = '' }: ApplyOptions = {},
): Promise<Answer> =>
  http(`${path}?fieldManager=${manager}${query === '' ? '' : `&${query}`}`, {
    method: 'PATCH',
    body: configuration,
    headers: { 'content-type': 'application/apply-patch+yaml' },
  })

export const mergeTo = (http: Http, path: string, patch: unknown, manager = 'merger'): Promise<Answer> =>
  http(`${path}?fieldManager=${manager}`, {
    method: 'PATCH',
    body: patch,
    headers: { 'content-type': 'application/merge-patch+json' },
  })

export const objectOf = ({ json }: Answer): KubeObject => json as unknown as KubeObject

type Entry = NonNullable<NonNullable<KubeObject['metadata']>['managedFields']>[number]

export const entriesOf = (answer: Answer): readonly Entry[] => objectOf(answer).metadata?.managedFields ?? []

/** `tester Apply`, `kubectl Update status`. */
export const namesOf = (answer: Answer): string[] =>
  entriesOf(answer).map(({ manager, operation, subresource }) =>
    [manager, operation, ...(subresource === undefined ? [] : [subresource])].join(' '),
  )

export const fieldsOf = (answer: Answer, manager: string): unknown =>
  entriesOf(answer).find((entry) => entry.manager === manager)?.fieldsV1

export const configMap = (name: string, data: Readonly<Record<string, string>>, metadata: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...metadata },
  data,
})

export const deployment = (name: string, spec: object = {}, container: object = {}) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: 'c', image: 'example.test/c', ...container }] },
    },
    ...spec,
  },
})

export const assertCode = (answer: Answer, code: number): Answer => {
  assert.equal(answer.code, code, answer.text)
  return answer
}
