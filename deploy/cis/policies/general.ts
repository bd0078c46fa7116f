/** 5.3 to 5.6: networks, Secrets, images, and how objects are spread over namespaces. */
import { configMaps, networkPolicies, secrets, serviceAccounts, services } from '../../../api/resources.ts'
import type { KubeObject, NetworkPolicy } from '../../../api/types.ts'
import { type Check, failIfAny, manual, pass, type Section, warnOn } from '../check.ts'
import { listFlag } from '../process-evidence.ts'
import { mayProblem } from '../reviews.ts'
import { containersOf, podName, userPods } from './workloads.ts'

/** Who each node's proxy asks for policies as; by the certificate that `deploy/pki.ts` makes. */
const policyUser = 'system:serviceaccount:kube-system:kube-network-policies'

const networkPoliciesWork: Check = {
  id: '5.3.1',
  title: 'The network enforces NetworkPolicies',
  run: async (evidence) => {
    const without = evidence.nodes
      .filter(({ proxy }) => (proxy.flags.get('policy-kubeconfig') ?? '') === '')
      .map(({ name }) => `kube-proxy of ${name}: no --policy-kubeconfig`)
    const seen = ['networkpolicies.networking.k8s.io', 'pods', 'namespaces'].map((resource) => {
      const [name = '', ...group] = resource.split('.')
      return mayProblem(evidence, { user: policyUser, verb: 'watch', resource: name, group: group.join('.') }, true)
    })
    return failIfAny([...without, ...(await Promise.all(seen))], 'by the proxy of each node')
  },
}

const namespacesHavePolicies: Check = {
  id: '5.3.2',
  title: 'Namespaces with workloads have a NetworkPolicy',
  run: async (evidence) => {
    const { items } = await evidence.api.list<NetworkPolicy>(networkPolicies)
    const covered = new Set(items.map(({ metadata }) => metadata?.namespace))
    const used = new Set((await userPods(evidence)).map(({ metadata }) => metadata?.namespace ?? ''))
    return warnOn([...used].filter((name) => !covered.has(name)).map((name) => `namespace ${name}`))
  },
}

const secretsAsFiles: Check = {
  id: '5.4.1',
  title: 'Secrets come as files rather than as variables',
  run: async (evidence) => {
    const found = (await userPods(evidence)).filter((pod) =>
      containersOf(pod).some(
        ({ env = [], envFrom = [] }) =>
          env.some(({ valueFrom }) => valueFrom?.secretKeyRef !== undefined) ||
          envFrom.some(({ secretRef }) => secretRef !== undefined),
      ),
    )
    return warnOn(found.map(podName))
  },
}

const externalSecrets: Check = {
  id: '5.4.2',
  title: 'Secrets in a store of their own are considered',
  run: () => manual('a decision; Secrets in the API are encrypted at rest (1.2.28)'),
}

const imageProvenance: Check = {
  id: '5.5.1',
  title: 'Images are checked for where they come from',
  run: ({ apiServer }) =>
    listFlag(apiServer, 'enable-admission-plugins').includes('ImagePolicyWebhook')
      ? pass()
      : manual('needs a service that knows your images: ImagePolicyWebhook and --admission-control-config-file'),
}

const boundaries: Check = {
  id: '5.6.1',
  title: 'Namespaces divide what belongs to different people',
  run: () => manual('only you know what belongs to whom'),
}

const seccomp: Check = {
  id: '5.6.2',
  title: 'Containers have the default seccomp profile',
  run: async (evidence) => {
    const configurations = await Promise.all(evidence.nodes.map(({ configuration }) => configuration()))
    const byDefault = configurations.every(({ seccompDefault }) => seccompDefault === true)
    const found = (await userPods(evidence)).filter((pod) => {
      const ofPod = pod.spec?.securityContext?.seccompProfile?.type
      return containersOf(pod).some(({ securityContext }) => {
        const type = securityContext?.seccompProfile?.type ?? ofPod ?? (byDefault ? 'RuntimeDefault' : 'Unconfined')
        return securityContext?.privileged === true || type === 'Unconfined'
      })
    })
    return warnOn(found.map(podName), byDefault ? 'kubelets give it to all who do not ask for another' : '')
  },
}

const securityContexts: Check = {
  id: '5.6.3',
  title: 'Pods and containers have a security context',
  run: async (evidence) => {
    const isEmpty = (context: object | undefined): boolean => Object.keys(context ?? {}).length === 0
    const found = (await userPods(evidence)).filter(
      (pod) =>
        isEmpty(pod.spec?.securityContext) && containersOf(pod).some(({ securityContext }) => isEmpty(securityContext)),
    )
    return warnOn(found.map(podName))
  },
}

/** What every cluster has in this namespace. */
const expected = new Set(['services/kubernetes', 'configmaps/kube-root-ca.crt', 'serviceaccounts/default'])

const defaultNamespace: Check = {
  id: '5.6.4',
  title: 'The namespace default is not used',
  run: async (evidence) => {
    const refs = [services, configMaps, secrets, serviceAccounts]
    const lists = await Promise.all(
      refs.map(async (ref) => {
        const { items } = await evidence.api.list<KubeObject>(ref, { namespace: 'default' })
        return items.map(({ metadata }) => `${ref.resource}/${metadata?.name}`)
      }),
    )
    const running = (await userPods(evidence)).filter(({ metadata }) => metadata?.namespace === 'default').map(podName)
    return warnOn([...running, ...lists.flat().filter((name) => !expected.has(name))])
  },
}

export const generalSections: readonly Section[] = [
  { id: '5.3', title: 'Policies: networks', checks: [networkPoliciesWork, namespacesHavePolicies] },
  { id: '5.4', title: 'Policies: Secrets', checks: [secretsAsFiles, externalSecrets] },
  { id: '5.5', title: 'Policies: admission', checks: [imageProvenance] },
  { id: '5.6', title: 'Policies: general', checks: [boundaries, seccomp, securityContexts, defaultNamespace] },
]
