import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { KubeObject, Pod } from '../../../api/types.ts'
import { type AdmissionFixture, createAdmissionFixture } from '../admission-fixture.ts'
import { serviceAccount } from './service-account.ts'

let fixture: AdmissionFixture
const plugin = () => serviceAccount(fixture.resource('serviceaccounts'))
const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount'

const aPod = (spec: object = {}, annotations: Record<string, string> = {}): KubeObject => ({
  metadata: { name: 'p', namespace: 'ns', annotations },
  spec: { containers: [{ name: 'c' }], ...spec },
})
const admitted = async (object: KubeObject): Promise<NonNullable<Pod['spec']>> =>
  ((await fixture.admit(plugin(), { resource: 'pods', object })).object as Pod).spec ?? { containers: [] }

before(async () => {
  fixture = await createAdmissionFixture()
  const put = (name: string, more: object = {}, annotations: Record<string, string> = {}) =>
    fixture.put('serviceaccounts', { metadata: { name, namespace: 'ns', annotations }, ...more })
  await put('default', { imagePullSecrets: [{ name: 'pull' }] })
  await put('silent', { automountServiceAccountToken: false })
  await put(
    'strict',
    { secrets: [{ name: 'mine' }], imagePullSecrets: [{ name: 'pull' }] },
    { 'kubernetes.io/enforce-mountable-secrets': 'true' },
  )
})
after(() => fixture[Symbol.dispose]())

describe('ServiceAccount', () => {
  it('gives a Pod its account, token and pull secrets', async () => {
    const spec = await admitted(aPod({ initContainers: [{ name: 'i', volumeMounts: [{ name: 'own', mountPath }] }] }))
    assert.deepEqual([spec.serviceAccountName, spec.serviceAccount], ['default', 'default'])
    assert.deepEqual(spec.imagePullSecrets, [{ name: 'pull' }])
    const [volume] = spec.volumes ?? []
    assert.match(volume?.name ?? '', /^kube-api-access-[a-z0-9]{5}$/)
    assert.deepEqual(spec.containers[0]?.volumeMounts, [{ name: volume?.name, readOnly: true, mountPath }])
    assert.deepEqual(spec.initContainers?.[0]?.volumeMounts, [{ name: 'own', mountPath }])
    assert.deepEqual((await admitted(aPod({ imagePullSecrets: [{ name: 'own' }] }))).imagePullSecrets, [
      { name: 'own' },
    ])
  })

  it('mounts no token where the account or the Pod says so; the Pod has the last word', async () => {
    const mounts = async (spec: object) => (await admitted(aPod(spec))).volumes?.length ?? 0
    assert.equal(await mounts({ serviceAccountName: 'silent' }), 0)
    assert.equal(await mounts({ serviceAccountName: 'silent', automountServiceAccountToken: true }), 1)
    assert.equal(await mounts({ automountServiceAccountToken: false }), 0)
  })

  const mirror = { 'kubernetes.io/config.mirror': 'x' }
  const strict = (spec: object) => aPod({ serviceAccountName: 'strict', ...spec })
  const variable = (name: string) => ({
    name: 'x',
    env: [{ name: 'E', valueFrom: { secretKeyRef: { name, key: 'k' } } }],
  })
  const not = 'is not allowed because service account strict does not reference that'
  const rows: readonly [what: string, pod: KubeObject, says: string][] = [
    [
      'an account that is not there',
      aPod({ serviceAccountName: 'none' }),
      'error looking up service account ns/none: serviceaccount "none" not found',
    ],
    ['a mirror', aPod({}, mirror), ''],
    [
      'a mirror with an account',
      aPod({ serviceAccountName: 'default' }, mirror),
      'a mirror pod may not reference service accounts',
    ],
    [
      'a mirror with a secret',
      aPod({ imagePullSecrets: [{ name: 's' }] }, mirror),
      'a mirror pod may not reference secrets',
    ],
    [
      'a mirror with a token',
      aPod({ volumes: [{ name: 'v', projected: { sources: [{ serviceAccountToken: { path: 'p' } }] } }] }, mirror),
      'a mirror pod may not use ServiceAccountToken volume projections',
    ],
    [
      'secrets that the account lists',
      strict({ volumes: [{ name: 'v', secret: { secretName: 'mine' } }], initContainers: [variable('mine')] }),
      '',
    ],
    [
      'another secret as a volume',
      strict({ volumes: [{ name: 'v', secret: { secretName: 's' } }] }),
      `volume with secret.secretName="s" ${not} secret`,
    ],
    [
      'another secret in a variable',
      strict({ containers: [variable('s')] }),
      `container x with envVar E referencing secret.secretName="s" ${not} secret`,
    ],
    [
      'another secret in an init container',
      strict({ initContainers: [variable('s')] }),
      `init container x with envVar E referencing secret.secretName="s" ${not} secret`,
    ],
    [
      'another pull secret',
      strict({ imagePullSecrets: [{ name: 'pull' }, { name: 's' }] }),
      `imagePullSecrets[1].name="s" ${not} imagePullSecret`,
    ],
  ]
  for (const [what, object, says] of rows) {
    it(`judges ${what}`, async () => {
      const expected = says === '' ? '' : `pods "p" is forbidden: ${says}`
      assert.equal(await fixture.refusal(plugin(), { resource: 'pods', object }), expected)
    })
  }
})
