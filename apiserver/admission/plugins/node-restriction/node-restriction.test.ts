import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { KubeObject } from '../../../../api/types.ts'
import type { Attributes } from '../../../authorization/authorizer.ts'
import { type AdmissionFixture, createAdmissionFixture, type TestRequest } from '../../admission-fixture.ts'
import { nodeRestriction } from './node-restriction.ts'

const user = { name: 'system:node:n1', groups: ['system:nodes'] }
const resourcesOf = (granted: string) => ({
  authorize: ({ verb, resource }: Attributes) =>
    verb === 'request-serviceaccounts-token-audience' && resource === granted
      ? ({ type: 'allow', reason: '' } as const)
      : ({ type: 'no-opinion', reason: '' } as const),
})

let fixture: AdmissionFixture

const refusal = (request: TestRequest): Promise<string> => {
  const { resource } = fixture
  const plugin = nodeRestriction({
    nodes: resource('nodes'),
    pods: resource('pods'),
    claims: resource('persistentvolumeclaims'),
    volumes: resource('persistentvolumes'),
    csiDrivers: resource('csidrivers.storage.k8s.io'),
    authorizer: resourcesOf('granted'),
  })
  return fixture.refusal(plugin, { user, ...request })
}

const object = (name: string, more: object = {}, metadata: object = {}): KubeObject => ({
  metadata: { name, ...metadata },
  ...more,
})
const owner = { apiVersion: 'v1', kind: 'Node', name: 'n1', uid: 'uid-of-n1', controller: true }

const mirror = (spec: object = {}, metadata: object = {}): KubeObject => ({
  metadata: {
    name: 'mirror',
    namespace: 'ns',
    annotations: { 'kubernetes.io/config.mirror': 'hash' },
    ownerReferences: [owner],
    ...metadata,
  },
  spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'i' }], ...spec },
})

const onNode = (name: string, nodeName: string, more: object = {}): KubeObject => ({
  metadata: { name, namespace: 'ns', labels: { a: 'b' } },
  spec: { nodeName, containers: [], ...more },
})

before(async () => {
  fixture = await createAdmissionFixture()
  await fixture.put('nodes', object('n1'))
  const volumes = [
    { name: 'token', projected: { sources: [{ serviceAccountToken: { path: 't', audience: 'vault' } }] } },
    { name: 'api', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } },
    { name: 'inline', csi: { driver: 'inline.csi' } },
    { name: 'claim', persistentVolumeClaim: { claimName: 'c' } },
  ]
  await fixture.put('pods', onNode('mine', 'n1', { volumes }))
  await fixture.put('pods', onNode('theirs', 'n2'))
  await fixture.put('persistentvolumeclaims', { metadata: { name: 'c', namespace: 'ns' }, spec: { volumeName: 'v' } })
  await fixture.put('persistentvolumes', object('v', { spec: { csi: { driver: 'claimed.csi', volumeHandle: 'h' } } }))
  for (const name of ['inline', 'claimed'])
    await fixture.put(
      'csidrivers.storage.k8s.io',
      object(`${name}.csi`, { spec: { tokenRequests: [{ audience: name }] } }),
    )
})
after(() => fixture[Symbol.dispose]())

const table = (title: string, rows: () => readonly [what: string, request: TestRequest, says: string][]): void => {
  describe(title, () => {
    it('allows and refuses as upstream', async () => {
      for (const [what, request, says] of rows()) assert.equal(await refusal(request), says, what)
    })
  })
}

describe('NodeRestriction', () => {
  it('concerns nodes only, and refuses one that it cannot name', async () => {
    const request = { resource: 'nodes', object: object('n2') }
    assert.equal(await refusal({ ...request, user: { name: 'system:node:n1', groups: [] } }), '')
    assert.equal(
      await refusal({ ...request, user: { name: 'someone', groups: ['system:nodes'] } }),
      'nodes "n2" is forbidden: could not determine node from user "someone"',
    )
    assert.equal(await refusal({ resource: 'configmaps', object: object('c') }), '')
  })
})

table('NodeRestriction of the Node', () => {
  const create = (labels: Record<string, string>, spec: object = {}): TestRequest => ({
    resource: 'nodes',
    object: object('n1', { spec }, { labels }),
  })
  const update = (now: KubeObject, before = object('n1'), resource = 'nodes'): TestRequest => ({
    operation: 'UPDATE',
    resource,
    object: now,
    oldObject: before,
  })
  const says = (text: string): string => `nodes "n1" is forbidden: ${text}`
  return [
    [
      'another one',
      { resource: 'nodes', object: object('n2') },
      'nodes "n2" is forbidden: node "n1" is not allowed to modify node "n2"',
    ],
    [
      'its labels',
      create({ 'kubernetes.io/hostname': 'n1', 'node.kubernetes.io/x': '', 'a.kubelet.kubernetes.io/b': '', own: '' }),
      '',
    ],
    [
      'labels that steer work',
      create({ 'node-restriction.kubernetes.io/a': '', 'x.k8s.io/y': '', 'kubernetes.io/role': '' }),
      says(
        'node "n1" is not allowed to set the following labels: kubernetes.io/role, node-restriction.kubernetes.io/a, x.k8s.io/y',
      ),
    ],
    [
      'a config source',
      create({}, { configSource: {} }),
      says('node "n1" is not allowed to create pods with a non-nil configSource'),
    ],
    ['its taints at first', create({}, { taints: [{ key: 'a', effect: 'NoSchedule' }] }), ''],
    [
      'its taints later',
      update(object('n1', { spec: { taints: [{ key: 'a', effect: 'NoSchedule' }] } })),
      says('node "n1" is not allowed to modify taints'),
    ],
    [
      'its taints through the status',
      update(object('n1', { spec: { taints: [{ key: 'a', effect: 'NoSchedule' }] } }), object('n1'), 'nodes/status'),
      says('node "n1" is not allowed to modify taints'),
    ],
    [
      'an owner, that it may be collected (CVE-2025-5187)',
      update(object('n1', {}, { ownerReferences: [{ ...owner, name: 'gone' }] })),
      says('node "n1" is not allowed to modify ownerReferences'),
    ],
    [
      'a label taken away',
      update(object('n1'), object('n1', {}, { labels: { 'node-role.kubernetes.io/x': '' } })),
      says('is not allowed to modify labels: node-role.kubernetes.io/x'),
    ],
    ['the status', update(object('n1', { status: { capacity: {} } }), object('n1'), 'nodes/status'), ''],
  ]
})

table('NodeRestriction of Pods', () => {
  const create = (pod: KubeObject): TestRequest => ({ resource: 'pods', object: pod })
  const owned = (more: object) => mirror({}, { ownerReferences: [{ ...owner, ...more }] })
  const says = (text: string): string => `pods "mirror" is forbidden: node "n1" ${text}`
  const status = (name: string, nodeName: string, now: object, labels: object = { a: 'b' }): TestRequest => ({
    operation: 'UPDATE',
    resource: 'pods/status',
    object: { ...onNode(name, nodeName), metadata: { name, namespace: 'ns', labels }, status: now } as KubeObject,
    oldObject: onNode(name, nodeName),
  })
  const env = (valueFrom: object): object => ({
    containers: [{ name: 'c', image: 'i', env: [{ name: 'E', valueFrom }] }],
  })
  return [
    ['a mirror', create(mirror()), ''],
    [
      'no mirror',
      create(mirror({}, { annotations: {} })),
      'pods "mirror" is forbidden: pod does not have "kubernetes.io/config.mirror" annotation, node "n1" can only create mirror pods',
    ],
    [
      'another node’s',
      create(mirror({ nodeName: 'n2' })),
      says('can only create pods with spec.nodeName set to itself'),
    ],
    [
      'no owner',
      create(mirror({}, { ownerReferences: [] })),
      says('can only create pods with an owner reference set to itself'),
    ],
    [
      'two owners',
      create(mirror({}, { ownerReferences: [owner, owner] })),
      says('can only create pods with a single owner reference set to itself'),
    ],
    [
      'owner of another kind',
      create(owned({ kind: 'Pod' })),
      says('can only create pods with an owner reference set to itself'),
    ],
    [
      'an owner that does not control',
      create(owned({ controller: false })),
      says('can only create pods with a controller owner reference set to itself'),
    ],
    [
      'a blocking owner',
      create(owned({ blockOwnerDeletion: true })),
      says('must not set blockOwnerDeletion on an owner reference'),
    ],
    [
      'an older node of that name',
      create(owned({ uid: 'old' })),
      'pods "mirror" is forbidden: node n1 UID mismatch: expected old got uid-of-n1',
    ],
    [
      'a service account',
      create(mirror({ serviceAccountName: 'a' })),
      says('can not create pods that reference a service account'),
    ],
    [
      'a secret volume',
      create(mirror({ volumes: [{ name: 'v', secret: { secretName: 's' } }] })),
      says('can not create pods that reference secrets'),
    ],
    [
      'a secret variable',
      create(mirror(env({ secretKeyRef: { name: 's', key: 'k' } }))),
      says('can not create pods that reference secrets'),
    ],
    [
      'a config map',
      create(mirror(env({ configMapKeyRef: { name: 's', key: 'k' } }))),
      says('can not create pods that reference configmaps'),
    ],
    [
      'a claim',
      create(mirror({ volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }] })),
      says('can not create pods that reference persistentvolumeclaims'),
    ],
    [
      'a trust bundle',
      create(mirror({ volumes: [{ name: 'v', projected: { sources: [{ clusterTrustBundle: { path: 'p' } }] } }] })),
      says('can not create pods that reference clustertrustbundles'),
    ],
    [
      'a resource claim',
      create(mirror({ resourceClaims: [{ name: 'r', resourceClaimName: 'r' }] })),
      says('can not create pods that reference resourceclaims'),
    ],
    [
      'an update',
      { operation: 'UPDATE', resource: 'pods', object: onNode('mine', 'n1'), oldObject: onNode('mine', 'n1') },
      'pods "mine" is forbidden: unexpected operation "UPDATE", node "n1" can only create and delete mirror pods',
    ],
    ['deletion of its own', { operation: 'DELETE', resource: 'pods', oldObject: onNode('mine', 'n1') }, ''],
    [
      'deletion of another’s',
      { operation: 'DELETE', resource: 'pods', oldObject: onNode('theirs', 'n2') },
      'pods "theirs" is forbidden: node "n1" can only delete pods with spec.nodeName set to itself',
    ],
    ['status of its own', status('mine', 'n1', { phase: 'Running' }), ''],
    [
      'status of another’s',
      status('theirs', 'n2', {}),
      'pods "theirs" is forbidden: node "n1" can only update pod status for pods with spec.nodeName set to itself',
    ],
    [
      'labels by status',
      status('mine', 'n1', {}, {}),
      'pods "mine" is forbidden: node "n1" cannot update labels through pod status',
    ],
    [
      'resource claims by status',
      status('mine', 'n1', { resourceClaimStatuses: [{ name: 'a', resourceClaimName: 'b' }] }),
      'pods "mine" is forbidden: node "n1" cannot update resource claim statues',
    ],
    ['eviction of its own', { resource: 'pods/eviction', object: onNode('mine', 'n1') }, ''],
    [
      'eviction of another’s',
      { resource: 'pods/eviction', object: onNode('theirs', 'n2') },
      'pods "theirs" is forbidden: node n1 can only evict pods with spec.nodeName set to itself',
    ],
    ['eviction of nobody', { resource: 'pods/eviction', object: onNode('nobody', 'n1') }, 'pods "nobody" not found'],
    [
      'ephemeral containers',
      {
        operation: 'UPDATE',
        resource: 'pods/ephemeralcontainers',
        object: onNode('mine', 'n1'),
        oldObject: onNode('mine', 'n1'),
      },
      'pods "mine" is forbidden: unexpected pod subresource "ephemeralcontainers", only \'status\' and \'eviction\' are allowed',
    ],
  ]
})

table('NodeRestriction of tokens', () => {
  const bound = { kind: 'Pod', apiVersion: 'v1', name: 'mine', uid: 'uid-of-mine' }
  const token = (boundObjectRef: object | undefined, audiences: readonly string[] = []): TestRequest => ({
    resource: 'serviceaccounts/token',
    namespace: 'ns',
    name: 'sa',
    object: { spec: { audiences, boundObjectRef } } as KubeObject,
  })
  const says = (text: string): string => `serviceaccounts "sa" is forbidden: ${text}`
  return [
    ['for its Pod', token(bound), ''],
    ['for nothing', token(undefined), says('node requested token not bound to a pod')],
    ['for a secret', token({ ...bound, kind: 'Secret' }), says('node requested token not bound to a pod')],
    [
      'for any Pod of that name',
      token({ ...bound, uid: '' }),
      says('node requested token with a pod binding without a uid'),
    ],
    [
      'for the Pod before',
      token({ ...bound, uid: 'old' }),
      says(
        'the UID in the bound object reference (old) does not match the UID in record. The object might have been deleted and then recreated',
      ),
    ],
    [
      'for another node’s Pod',
      token({ ...bound, name: 'theirs', uid: 'uid-of-theirs' }),
      says('node requested token bound to a pod scheduled on a different node'),
    ],
    ['for nobody', token({ ...bound, name: 'nobody' }), 'pods "nobody" not found'],
    ['an audience of a volume', token(bound, ['vault']), ''],
    ['an audience of a driver', token(bound, ['inline']), ''],
    ['an audience of a driver behind a claim', token(bound, ['claimed']), ''],
    ['an audience that is granted', token(bound, ['granted']), ''],
    ['two audiences', token(bound, ['vault', 'inline']), says('node may only request 0 or 1 audiences')],
    [
      'an audience of nobody',
      token(bound, ['evil']),
      says(
        'audience "evil" not found in pod spec volume, system:node:n1 is not authorized to request tokens for this audience',
      ),
    ],
  ]
})

table('NodeRestriction of other objects', () => {
  const lease = (name: string, namespace = 'kube-node-lease'): TestRequest => ({
    resource: 'leases.coordination.k8s.io',
    object: object(name, {}, { namespace }),
  })
  const slice = (nodeName: string, operation: 'CREATE' | 'DELETE'): TestRequest => {
    const it = object('s', { spec: { nodeName } })
    return {
      operation,
      resource: 'resourceslices.resource.k8s.io',
      ...(operation === 'CREATE' ? { object: it } : { oldObject: it }),
    }
  }
  const claim = (resource: string, status: object, metadata: object = {}): TestRequest => ({
    operation: 'UPDATE',
    resource,
    object: { metadata: { name: 'c', namespace: 'ns', ...metadata }, status } as KubeObject,
    oldObject: {
      metadata: { name: 'c', namespace: 'ns', resourceVersion: '7' },
      status: { phase: 'Bound' },
    } as KubeObject,
  })
  return [
    ['its lease', lease('n1'), ''],
    [
      'another lease',
      lease('n2'),
      'leases.coordination.k8s.io "n2" is forbidden: can only access node lease with the same name as the requesting node',
    ],
    [
      'a lease elsewhere',
      lease('n1', 'x'),
      'leases.coordination.k8s.io "n1" is forbidden: can only access leases in the "kube-node-lease" system namespace',
    ],
    [
      'another CSINode',
      { resource: 'csinodes.storage.k8s.io', object: object('n2') },
      'csinodes.storage.k8s.io "n2" is forbidden: can only access CSINode with the same name as the requesting node',
    ],
    ['its slice', slice('n1', 'CREATE'), ''],
    [
      'another slice',
      slice('n2', 'CREATE'),
      'resourceslices.resource.k8s.io "s" is forbidden: can only create ResourceSlice with the same NodeName as the requesting node',
    ],
    [
      'deletion of another slice',
      slice('n2', 'DELETE'),
      'resourceslices.resource.k8s.io "s" is forbidden: can only delete ResourceSlice with the same NodeName as the requesting node',
    ],
    [
      'a claim',
      claim('persistentvolumeclaims', {}),
      'persistentvolumeclaims "c" is forbidden: may only update PVC status',
    ],
    [
      'the capacity of a claim',
      claim('persistentvolumeclaims/status', { phase: 'Bound', capacity: { storage: '2Gi' } }),
      '',
    ],
    [
      'the labels of a claim',
      claim('persistentvolumeclaims/status', { phase: 'Bound' }, { labels: { a: 'b' } }),
      'persistentvolumeclaims "c" is forbidden: node "n1" is not allowed to update fields other than status.quantity and status.conditions',
    ],
    [
      'a certificate that it cannot read',
      {
        resource: 'certificatesigningrequests.certificates.k8s.io',
        object: object('csr', { spec: { signerName: 'kubernetes.io/kubelet-serving', request: '' } }),
      },
      'certificatesigningrequests.certificates.k8s.io "csr" is forbidden: unable to parse csr: PEM block type must be CERTIFICATE REQUEST',
    ],
  ]
})
