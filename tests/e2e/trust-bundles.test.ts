/** ClusterTrustBundles as files of real containers. */
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { before, describe, it } from 'node:test'
import { clusterTrustBundles, events as eventsRef, pods as podsRef } from '../../api/resources.ts'
import type { Event, Pod, Volume } from '../../api/types.ts'
import { createCa } from '../../component-base/pki/certificates.ts'
import type { TestCluster } from '../harness/cluster.ts'
import { busyboxImage, ensureTestImages } from '../harness/images.ts'
import { podWhenIn } from '../harness/pods.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { waitFor } from '../harness/wait.ts'

const namespace = 'default'
const gates = 'ClusterTrustBundle=true,ClusterTrustBundleProjection=true'

let cluster: TestCluster
ensureTestImages()
useCluster(
  {
    nodes: 1,
    kubelet: { featureGates: { ClusterTrustBundle: true, ClusterTrustBundleProjection: true } },
    extraArgs: {
      'kube-apiserver': {
        'runtime-config': 'certificates.k8s.io/v1beta1/clustertrustbundles=true',
        'feature-gates': gates,
      },
      'kube-controller-manager': { 'feature-gates': gates },
    },
  },
  (started) => {
    cluster = started
  },
)

type Source = NonNullable<NonNullable<Volume['projected']>['sources']>[number]

const publish = (name: string, trustBundle: string, signerName?: string): Promise<unknown> =>
  cluster.client.create(clusterTrustBundles, {
    metadata: { name, labels: { live: 'yes' } },
    spec: { trustBundle, ...(signerName === undefined ? {} : { signerName }) },
  })

/** A Pod that sees the sources under /ca. */
const create = (name: string, sources: Source[]): Promise<unknown> =>
  cluster.client.create(podsRef, {
    metadata: { name, namespace },
    spec: {
      terminationGracePeriodSeconds: 0,
      automountServiceAccountToken: false,
      containers: [
        {
          name: 'c',
          image: busyboxImage,
          command: ['sleep', '3600'],
          volumeMounts: [{ name: 'ca', mountPath: '/ca' }],
        },
      ],
      volumes: [{ name: 'ca', projected: { sources } }],
    },
  } as Pod)

const podWhen = podWhenIn(() => cluster)
const running = (name: string): Promise<Pod> => podWhen(name, 'running', ({ status }) => status?.phase === 'Running')
const read = (name: string, file: string): Promise<string> => cluster.kubectl('exec', name, '--', 'cat', `/ca/${file}`)
/** Whom a file's certificates are of, in order of names. */
const commonNames = (pem: string): string[] =>
  (pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [])
    .map((text) => new X509Certificate(text).subject.replace('CN=', ''))
    .toSorted()

describe('a container with a volume of ClusterTrustBundles', { concurrency: true }, () => {
  const pem = new Map<string, string>()
  const pemOf = (...names: string[]): string => names.map((name) => pem.get(name) ?? '').join('')

  before(async () => {
    for (const name of ['one', 'two', 'three']) pem.set(name, (await createCa(name)).certPem)
  })

  it('reads the bundle of a name, and its next version without a new start', async () => {
    await publish('named', `words around it\n${pemOf('one')}`)
    await create('named', [{ clusterTrustBundle: { name: 'named', path: 'trusted/ca.pem' } }])
    const started = (await running('named')).status?.containerStatuses?.[0]?.containerID
    assert.equal(await read('named', 'trusted/ca.pem'), pemOf('one'))
    await cluster.client.patch(
      clusterTrustBundles,
      'named',
      undefined,
      { spec: { trustBundle: pemOf('one', 'two') } },
      { type: 'merge' },
    )
    await waitFor(async () => commonNames(await read('named', 'trusted/ca.pem')).join() === 'one,two', {
      what: 'the new certificate in the file',
    })
    assert.equal((await running('named')).status?.containerStatuses?.[0]?.containerID, started)
  })

  it('reads all bundles of a signer that its labels select, each certificate once', async () => {
    const signer = 'example.com/s'
    await publish('example.com:s:a', pemOf('one', 'two'), signer)
    await publish('example.com:s:b', pemOf('two', 'three'), signer)
    await publish('example.com:t:a', pemOf('one'), 'example.com/t')
    await create('signed', [
      { clusterTrustBundle: { signerName: signer, labelSelector: { matchLabels: { live: 'yes' } }, path: 'ca.pem' } },
      {
        clusterTrustBundle: {
          signerName: signer,
          labelSelector: { matchLabels: { live: 'no' } },
          path: 'none.pem',
          optional: true,
        },
      },
      { clusterTrustBundle: { name: 'nowhere', path: 'nothing.pem', optional: true } },
    ])
    await running('signed')
    assert.deepEqual(commonNames(await read('signed', 'ca.pem')), ['one', 'three', 'two'])
    assert.equal(await read('signed', 'none.pem'), '')
    assert.equal(await read('signed', 'nothing.pem'), '')
    await cluster.client.delete(clusterTrustBundles, 'example.com:s:b')
    await waitFor(async () => commonNames(await read('signed', 'ca.pem')).join() === 'one,two', {
      what: 'a file without the certificate that is gone',
    })
  })

  it('trusts the API server by its own bundle', async () => {
    const serving = 'kubernetes.io/kube-apiserver-serving'
    await create('api', [{ clusterTrustBundle: { signerName: serving, labelSelector: {}, path: 'ca.pem' } }])
    await running('api')
    assert.deepEqual(commonNames(await read('api', 'ca.pem')), ['kubernetes'])
  })

  it('waits for a bundle that is not there, and says so', async () => {
    await create('early', [{ clusterTrustBundle: { name: 'late', path: 'ca.pem' } }])
    const event = await waitFor(
      async () => {
        const { items } = await cluster.client.list(eventsRef, { namespace })
        return items.find((e: Event) => e.involvedObject.name === 'early' && e.reason === 'FailedMount')
      },
      { what: 'the event FailedMount' },
    )
    assert.equal(
      event.message,
      'MountVolume.SetUp failed for volume "ca" : while getting ClusterTrustBundle: clustertrustbundle.certificates.k8s.io "late" not found',
    )
    assert.equal((await cluster.client.get(podsRef, 'early', namespace)).status?.phase, 'Pending')
    await publish('late', pemOf('three'))
    await running('early')
    assert.equal(await read('early', 'ca.pem'), pemOf('three'))
  })
})
