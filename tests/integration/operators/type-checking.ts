/** status.typeChecking of ValidatingAdmissionPolicies, for built-in kinds and custom ones. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ValidatingAdmissionPolicy } from '../../../api/types.ts'
import { waitFor } from '../../harness/wait.ts'
import type { Running } from './environment.ts'

const policy = (name: string, rule: object, expression: string, more: object = {}): object => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingAdmissionPolicy',
  metadata: { name },
  spec: {
    matchConstraints: { resourceRules: [{ operations: ['CREATE'], ...rule }] },
    validations: [{ expression }],
    ...more,
  },
})
const deployments = { apiGroups: ['apps'], apiVersions: ['v1'], resources: ['deployments'] }

export const describeTypeChecking = (running: () => Running): void => {
  describe('the type checking of policies', () => {
    const checked = async (object: object): Promise<ValidatingAdmissionPolicy> => {
      const { kubectl } = running()
      const { metadata } = object as { metadata: { name: string } }
      await kubectl.withInput(JSON.stringify(object), 'apply', '-f', '-')
      return waitFor(
        async () => {
          const read = await kubectl.json<ValidatingAdmissionPolicy>('get', 'validatingadmissionpolicy', metadata.name)
          return read.status?.observedGeneration === read.metadata?.generation && read
        },
        { what: 'the policy to be checked' },
      )
    }
    const warningsOf = ({ status }: ValidatingAdmissionPolicy) => status?.typeChecking?.expressionWarnings

    it('warns in the status, with the words of upstream', async () => {
      const { status, metadata } = await checked(policy('typos', deployments, 'object.replicas > 1'))
      assert.equal(metadata?.generation, 1)
      assert.deepEqual(status, {
        observedGeneration: 1,
        typeChecking: {
          expressionWarnings: [
            {
              fieldRef: 'spec.validations[0].expression',
              warning:
                "apps/v1, Kind=Deployment: ERROR: <input>:1:7: undefined field 'replicas'\n | object.replicas > 1\n | ......^\n",
            },
          ],
        },
      })
    })

    it('takes the warning back when the policy is mended', async () => {
      const mended = await checked(policy('typos', deployments, 'object.spec.replicas > 1'))
      assert.deepEqual([mended.status?.observedGeneration, warningsOf(mended)], [2, undefined])
    })

    it('knows custom resources and parameters', async () => {
      const websites = { apiGroups: ['demo.example.com'], apiVersions: ['v1'], resources: ['websites'] }
      const params = { paramKind: { apiVersion: 'v1', kind: 'ConfigMap' } }
      const good = 'object.spec.replicas <= int(params.data.max) && object.metadata.name != ""'
      assert.equal(warningsOf(await checked(policy('custom', websites, good, params))), undefined)
      const [warning] =
        warningsOf(await checked(policy('custom', websites, 'object.spec.size == params.max', params))) ?? []
      assert.deepEqual(
        warning?.warning.split('\n').filter((line) => /ERROR/.test(line)),
        [
          "demo.example.com/v1, Kind=Website: ERROR: <input>:1:12: undefined field 'size'",
          "ERROR: <input>:1:27: undefined field 'max'",
        ],
      )
    })
  })
}
