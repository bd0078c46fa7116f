/** Admission policies as users write them, by the examples of Kubernetes' documentation. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import type { TestCluster } from '../../harness/cluster.ts'
import type { Kubectl } from '../../harness/kubectl.ts'
import { waitFor } from '../../harness/wait.ts'

const validating = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: replica-limit.example.com}
spec:
  paramKind: {apiVersion: v1, kind: ConfigMap}
  matchConstraints:
    resourceRules:
    - {apiGroups: [apps], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [deployments, deployments/scale]}
  variables:
  - {name: max, expression: 'int(params.data.max)'}
  validations:
  - expression: object.spec.replicas <= variables.max
    messageExpression: "'replicas must be no more than ' + string(variables.max)"
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: replica-limit.example.com}
spec:
  policyName: replica-limit.example.com
  validationActions: [Deny]
  paramRef: {name: limits, namespace: policies, parameterNotFoundAction: Deny}
  matchResources:
    namespaceSelector:
      matchLabels: {limited: 'yes'}
`
const mutating = `
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: sidecar.example.com}
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}
  matchConditions:
  - {name: no-proxy, expression: "!object.spec.containers.exists(c, c.name == 'mesh-proxy')"}
  failurePolicy: Fail
  reinvocationPolicy: IfNeeded
  mutations:
  - patchType: ApplyConfiguration
    applyConfiguration:
      expression: >
        Object{spec: Object.spec{containers: [
          Object.spec.containers{name: "mesh-proxy", image: "mesh/proxy:v1.0.0"}]}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: sidecar.example.com}
spec:
  policyName: sidecar.example.com
  matchResources:
    namespaceSelector:
      matchLabels: {limited: 'yes'}
`

export const describePolicies = (running: () => TestCluster): void => {
  describe('admission policies', () => {
    let kubectl: Kubectl
    const apply = (input: string) => kubectl.run(['apply', '-f', '-'], { input })
    const inNamespace = (...args: string[]) => kubectl.run(['-n', 'policies', ...args])

    before(async () => {
      ;({ kubectl } = running())
      await kubectl('create', 'namespace', 'policies')
      await kubectl('label', 'namespace', 'policies', 'limited=yes')
      await kubectl('-n', 'policies', 'create', 'configmap', 'limits', '--from-literal=max=3')
    })

    it('limit replicas, by creation and by scaling, with a parameter that can change', async () => {
      assert.equal((await apply(validating)).stderr, '')
      const create = (name: string, replicas: number, ...more: string[]) =>
        inNamespace('create', 'deployment', name, '--image=web', `--replicas=${replicas}`, ...more)
      const refused = await waitFor(
        async () => {
          const answer = await create('big', 5, '--dry-run=server')
          return answer.code !== 0 && answer
        },
        { what: 'the policy to be in force' },
      )
      assert.equal(
        refused.stderr.trim(),
        `error: failed to create deployment: deployments.apps "big" is forbidden: ValidatingAdmissionPolicy 'replica-limit.example.com' with binding 'replica-limit.example.com' denied request: replicas must be no more than 3`,
      )
      assert.equal((await create('small', 2)).code, 0)
      const scaled = await inNamespace('scale', 'deployment', 'small', '--replicas=4')
      assert.match(scaled.stderr, /denied request: replicas must be no more than 3/)
      await inNamespace('patch', 'configmap', 'limits', '-p', '{"data":{"max":"9"}}')
      await waitFor(async () => (await inNamespace('scale', 'deployment', 'small', '--replicas=4')).code === 0, {
        what: 'the new limit',
      })
      assert.equal((await kubectl.run(['create', 'deployment', 'free', '--image=web', '--replicas=20'])).code, 0)
    })

    it('put containers into Pods', async () => {
      assert.equal((await apply(mutating)).stderr, '')
      const images = async () => {
        const { stdout } = await inNamespace(
          'run',
          'p',
          '--image=web',
          '--dry-run=server',
          '-o',
          'jsonpath={.spec.containers[*].image}',
        )
        return stdout
      }
      await waitFor(async () => (await images()) === 'web mesh/proxy:v1.0.0', { what: 'the sidecar' })
      const { stdout } = await inNamespace('run', 'p', '--image=web', '--dry-run=server', '-o', 'json')
      const pod = JSON.parse(stdout) as { spec: { containers: { imagePullPolicy: string; volumeMounts: object[] }[] } }
      // What the policy added is defaulted, and seen by the plugins after it.
      assert.equal(pod.spec.containers[1]?.imagePullPolicy, 'IfNotPresent')
      assert.equal((await kubectl.run(['run', 'plain', '--image=web', '--dry-run=server', '-o', 'name'])).code, 0)
    })

    it('that do not compile are refused', async () => {
      const broken = validating.replace(
        'object.spec.replicas <= variables.max',
        'object.spec.replicas <= variables.most',
      )
      const { stderr } = await apply(broken.replaceAll('replica-limit', 'broken'))
      assert.match(
        stderr,
        /spec\.validations\[0\]\.expression: Invalid value: "object\.spec\.replicas <= variables\.most": compilation failed: ERROR: <input>:1:34: undefined field 'most'/,
      )
    })
  })
}
