/** What upstream does in the strategies of kinds, and TaintNodesByCondition. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { CertificateSigningRequest, KubeObject, Node } from '../../../api/types.ts'
import { type AdmissionFixture, createAdmissionFixture } from '../admission-fixture.ts'
import { allowPrivileged } from './allow-privileged.ts'
import { certificateRequester } from './certificate-requester.ts'
import { taintNodesByCondition } from './taint-nodes-by-condition.ts'

let fixture: AdmissionFixture
before(async () => {
  fixture = await createAdmissionFixture()
})
after(() => fixture[Symbol.dispose]())

describe('--allow-privileged=false', () => {
  const spec = { containers: [{ name: 'a' }, { name: 'b', securityContext: { privileged: true } }] }
  const named = (more: object): KubeObject => ({ metadata: { name: 'x', namespace: 'ns' }, ...more })

  it('refuses privileged containers of Pods and templates, where they are', async () => {
    const says = (kind: string, path: string): string =>
      `${kind} "x" is invalid: ${path}.containers[1].securityContext.privileged: Forbidden: disallowed by cluster policy`
    const rows: readonly [resource: string, object: KubeObject, says: string][] = [
      ['pods', named({ spec }), says('Pod', 'spec')],
      ['pods/resize', named({ spec }), says('Pod', 'spec')],
      ['pods/status', named({ spec }), ''],
      ['podtemplates', named({ template: { spec } }), says('PodTemplate', 'template.spec')],
      ['deployments.apps', named({ spec: { template: { spec } } }), says('Deployment.apps', 'spec.template.spec')],
      [
        'cronjobs.batch',
        named({ spec: { jobTemplate: { spec: { template: { spec } } } } }),
        says('CronJob.batch', 'spec.jobTemplate.spec.template.spec'),
      ],
      ['replicationcontrollers', named({ spec: {} }), ''],
      ['configmaps', named({}), ''],
    ]
    for (const [resource, object, expected] of rows) {
      assert.equal(await fixture.refusal(allowPrivileged(false), { resource, object }), expected, resource)
      assert.equal(await fixture.refusal(allowPrivileged(true), { resource, object }), '', resource)
    }
  })
})

describe('a CertificateSigningRequest', () => {
  it('says who made it, whatever its author says', async () => {
    const object = {
      metadata: { name: 'c' },
      spec: { username: 'boss', groups: ['masters'], uid: '1', extra: { a: ['b'] } },
    }
    const request = {
      resource: 'certificatesigningrequests.certificates.k8s.io',
      object: object as unknown as KubeObject,
    }
    const specFor = async (user: object) => {
      const admitted = await fixture.admit(certificateRequester, { ...request, user })
      return (admitted.object as CertificateSigningRequest).spec as object
    }
    assert.deepEqual(await specFor({ name: 'me', groups: ['g'] }), { username: 'me', groups: ['g'] })
    assert.deepEqual(await specFor({ name: 'me', groups: ['g'], uid: '7', extra: { x: ['y'] } }), {
      username: 'me',
      groups: ['g'],
      uid: '7',
      extra: { x: ['y'] },
    })
  })
})

describe('TaintNodesByCondition', () => {
  it('keeps new nodes from work until they say that they are ready', async () => {
    const taints = async (given: object[], operation: 'CREATE' | 'UPDATE' = 'CREATE') => {
      const object = { metadata: { name: 'n' }, spec: { taints: given } } as unknown as KubeObject
      return ((await fixture.admit(taintNodesByCondition, { operation, resource: 'nodes', object })).object as Node)
        .spec?.taints
    }
    const notReady = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }
    assert.deepEqual(await taints([{ key: 'a', effect: 'NoExecute' }]), [{ key: 'a', effect: 'NoExecute' }, notReady])
    assert.deepEqual(await taints([notReady]), [notReady])
    assert.deepEqual(await taints([], 'UPDATE'), [])
  })
})
