/** What fieldSelector takes, resource by resource, and what is said of all else. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import type { Namespace } from '../../../api/types.ts'
import { namespaces, serviceAccounts } from '../../../api/resources.ts'
import { waitFor } from '../../harness/wait.ts'
import { expectFailure, expectObject, type Life, newLife, patched, send } from './life.ts'
import { type Row, rows } from './rows.ts'
import type { RunningMatrix } from './running.ts'

const namespace = 'fields'

interface Selectable {
  /** Of the corpus' object, whose value each has. */
  readonly fields: Readonly<Record<string, string>>
  /** What is said of another field; default: the words of most. */
  readonly refusal?: (field: string) => string
  /** Neither is its namespace selectable. */
  readonly clusterScoped?: true
}

const involved = (prefix: string) => ({
  [`${prefix}.kind`]: 'ConfigMap',
  [`${prefix}.namespace`]: namespace,
  [`${prefix}.name`]: 'sample',
  [`${prefix}.uid`]: '',
  [`${prefix}.apiVersion`]: 'v1',
  [`${prefix}.resourceVersion`]: '',
  [`${prefix}.fieldPath`]: '',
  reason: 'Sampled',
  type: 'Normal',
})

/** Beside metadata.name and metadata.namespace. Upstream: AddFieldLabelConversionFunc in pkg/apis. */
const selectable: Readonly<Record<string, Selectable>> = {
  'events.v1': { fields: { ...involved('involvedObject'), reportingComponent: '', source: 'tests' } },
  'events.v1.events.k8s.io': { fields: { ...involved('regarding'), reportingController: 'example.com/tests' } },
  'namespaces.v1': { fields: { 'status.phase': 'Active' }, clusterScoped: true },
  'nodes.v1': { fields: { 'spec.unschedulable': 'false' }, clusterScoped: true },
  'pods.v1': {
    fields: {
      'spec.nodeName': '',
      'spec.host': '',
      'spec.restartPolicy': 'Always',
      'spec.schedulerName': 'nobody',
      'spec.serviceAccountName': 'default',
      'spec.hostNetwork': 'false',
      'status.phase': 'Pending',
      'status.podIP': '',
      'status.podIPs': '',
      'status.nominatedNodeName': '',
    },
  },
  'replicationcontrollers.v1': { fields: { 'status.replicas': '0' } },
  'secrets.v1': { fields: { type: 'Opaque' } },
  'services.v1': { fields: { 'spec.type': 'ClusterIP', 'spec.clusterIP': 'None' } },
  'jobs.v1.batch': {
    fields: { 'status.successful': '0' },
    refusal: (field) => `field label "${field}" not supported for Job`,
  },
  'certificatesigningrequests.v1.certificates.k8s.io': {
    fields: { 'spec.signerName': 'example.com/signer' },
    clusterScoped: true,
  },
  'resourceslices.v1.resource.k8s.io': {
    fields: { 'spec.nodeName': 'sample', 'spec.driver': 'sample.example.com' },
    refusal: (field) => `field label not supported for resource.k8s.io/v1, Kind=ResourceSlice: ${field}`,
    clusterScoped: true,
  },
}

const onlyMetadata = (field: string): string =>
  `"${field}" is not a known field selector: only "metadata.name", "metadata.namespace"`
const notSupported = (field: string): string => `field label not supported: ${field}`

/** Both kinds of Events are one in the store. */
const nameOf = ({ facts: { group } }: Row): string => `selectable${group}`

/** The corpus' object under a name of its own, in this part's namespace. */
const lifeOf = (row: Row, running: RunningMatrix): Life => {
  const life = newLife(row, running(), namespace)
  const headless = row.key === 'services.v1' ? { spec: { clusterIP: 'None' } } : {}
  return { ...life, object: patched(life.object, { metadata: { name: nameOf(row) }, ...headless }) }
}

const namesOf = async (life: Life, fieldSelector: string): Promise<string[]> => {
  const query = new URLSearchParams({ labelSelector: `matrix=${life.id},step=selected`, fieldSelector })
  const list = expectObject(await send(life, 'GET', `${life.everywhere}?${query}`))
  return (list as unknown as { items: { metadata: { name: string } }[] }).items.map(({ metadata }) => metadata.name)
}

export const describeSelectableFields = (running: RunningMatrix): void => {
  describe('field selectors', () => {
    before(async () => {
      const { client } = running().cluster
      await client.create<Namespace>(namespaces, { metadata: { name: namespace } })
      await waitFor(() => client.get(serviceAccounts, 'default', namespace), { what: 'the ServiceAccount' })
    })

    for (const row of rows) {
      const { fields, refusal, clusterScoped } = selectable[row.key] ?? { fields: undefined }
      if (fields !== undefined) {
        it(`${row.key}: ${Object.keys(fields).join(', ')}`, async () => {
          const life = lifeOf(row, running)
          const labelled = patched(life.object, { metadata: { labels: { step: 'selected' } } })
          expectObject(await send(life, 'POST', life.collection, labelled), 201)
          for (const [field, value] of Object.entries(fields)) {
            assert.deepEqual(await namesOf(life, `${field}=${value}`), [nameOf(row)], `${field}=${value}`)
            assert.deepEqual(await namesOf(life, `${field}!=${value}`), [], `${field}!=${value}`)
            assert.deepEqual(await namesOf(life, `${field}==other`), [], `${field}==other`)
          }
          const all = Object.entries(fields).map(([field, value]) => `${field}=${value}`)
          assert.deepEqual(await namesOf(life, [`metadata.name=${nameOf(row)}`, ...all].join()), [nameOf(row)])
        })
      }

      it(`${row.key}: no other field`, async () => {
        const life = lifeOf(row, running)
        const say = refusal ?? (fields === undefined ? onlyMetadata : notSupported)
        const refused = ['spec.nonsense', ...(clusterScoped === true ? ['metadata.namespace'] : [])]
        for (const field of refused) {
          const query = new URLSearchParams({ fieldSelector: `${field}=x` })
          for (const watch of ['', '&watch=true']) {
            const answer = await send(life, 'GET', `${life.everywhere}?${query}${watch}`)
            expectFailure(answer, { code: 400, reason: 'BadRequest', message: say(field) })
          }
        }
        const accepted = ['metadata.name', ...(clusterScoped === true ? [] : ['metadata.namespace'])]
        for (const field of accepted) assert.deepEqual(await namesOf(life, `${field}=nonsense`), [])
      })
    }
  })
}
