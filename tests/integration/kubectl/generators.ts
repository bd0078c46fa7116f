/** `kubectl create …` and the other commands that make objects out of flags. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import type { KubeObject, Service } from '../../../api/types.ts'
import type { Kubectl } from '../../harness/kubectl.ts'
import { inNewNamespace, type Surface } from './surface.ts'
import { waitFor } from '../../harness/wait.ts'

interface Generated {
  /** What follows `kubectl create`. */
  readonly create: readonly string[]
  /** A JSONPath and what it must print. */
  readonly shows: readonly [string, string]
}

const cases = (pki: string, suffix: string): readonly Generated[] => [
  {
    create: ['configmap', 'settings', '--from-literal=color=blue', `--from-file=ca=${join(pki, 'ca.crt')}`],
    shows: ['{.data.color}', 'blue'],
  },
  {
    create: ['secret', 'generic', 'password', '--from-literal=key=value'],
    shows: ['{.type} {.data.key}', 'Opaque dmFsdWU='],
  },
  {
    create: ['secret', 'tls', 'pair', `--cert=${join(pki, 'admin.crt')}`, `--key=${join(pki, 'admin.key')}`],
    shows: ['{.type}', 'kubernetes.io/tls'],
  },
  {
    create: ['secret', 'docker-registry', 'registry', '--docker-username=u', '--docker-password=p'],
    shows: ['{.type}', 'kubernetes.io/dockerconfigjson'],
  },
  {
    create: ['quota', 'limits', '--hard=pods=50,secrets=50', '--scopes=BestEffort'],
    shows: ['{.spec.hard.pods} {.spec.scopes[0]}', '50 BestEffort'],
  },
  {
    create: ['role', 'reader', '--verb=get,list', '--resource=pods,deployments.apps', '--resource-name=web'],
    shows: ['{.rules[1].apiGroups[0]} {.rules[1].resources[0]} {.rules[1].resourceNames[0]}', 'apps deployments web'],
  },
  {
    create: ['rolebinding', 'readers', '--role=reader', '--user=jane', '--group=g', '--serviceaccount=default:default'],
    shows: ['{.roleRef.kind} {.subjects[*].kind}', 'Role User Group ServiceAccount'],
  },
  {
    create: ['clusterrole', `health-${suffix}`, '--verb=get', '--non-resource-url=/healthz,/livez/*'],
    shows: ['{.rules[0].nonResourceURLs[1]}', '/livez/*'],
  },
  {
    create: ['clusterrole', `all-${suffix}`, '--aggregation-rule=example.com/none=true'],
    shows: ['{.aggregationRule.clusterRoleSelectors[0].matchLabels}', '{"example.com/none":"true"}'],
  },
  {
    create: ['clusterrolebinding', `health-${suffix}`, `--clusterrole=health-${suffix}`, '--group=probes'],
    shows: ['{.subjects[0].name}', 'probes'],
  },
  {
    create: ['serviceaccount', 'robot'],
    shows: ['{.metadata.name}', 'robot'],
  },
  {
    create: ['service', 'clusterip', 'inside', '--tcp=80:8080,443'],
    shows: ['{.spec.type} {.spec.ports[*].targetPort} {.spec.selector.app}', 'ClusterIP 8080 443 inside'],
  },
  {
    create: ['service', 'clusterip', 'headless', '--clusterip=None'],
    shows: ['{.spec.clusterIP} {.spec.clusterIPs[0]}', 'None None'],
  },
  {
    create: ['service', 'nodeport', 'outside', '--tcp=80'],
    shows: ['{.spec.type} {.spec.externalTrafficPolicy} {.spec.sessionAffinity}', 'NodePort Cluster None'],
  },
  {
    create: ['service', 'loadbalancer', 'balanced', '--tcp=80'],
    shows: ['{.spec.type} {.spec.allocateLoadBalancerNodePorts}', 'LoadBalancer true'],
  },
  {
    create: ['service', 'externalname', 'elsewhere', '--external-name=example.com'],
    shows: ['{.spec.type} {.spec.externalName}{.spec.clusterIP}', 'ExternalName example.com'],
  },
  {
    create: ['ingress', 'front', '--class=none', '--rule=example.com/path*=inside:80,tls=pair'],
    shows: ['{.spec.rules[0].http.paths[0].pathType} {.spec.tls[0].secretName}', 'Prefix pair'],
  },
  {
    create: ['deployment', 'web', '--image=none:1', '--replicas=0', '--port=80'],
    shows: ['{.spec.strategy.rollingUpdate.maxSurge} {.spec.template.spec.dnsPolicy}', '25% ClusterFirst'],
  },
  {
    create: ['job', 'once', '--image=none:1', '--', 'date'],
    shows: ['{.spec.template.spec.restartPolicy} {.spec.backoffLimit} {.spec.completionMode}', 'Never 6 NonIndexed'],
  },
  {
    create: ['cronjob', 'yearly', '--image=none:1', '--schedule=0 0 1 1 *', '--', 'date'],
    shows: ['{.spec.concurrencyPolicy} {.spec.suspend} {.spec.successfulJobsHistoryLimit}', 'Allow false 3'],
  },
  {
    create: ['job', 'now', '--from=cronjob/yearly'],
    shows: ['{.metadata.annotations.cronjob\\.kubernetes\\.io/instantiate}', 'manual'],
  },
  {
    create: ['poddisruptionbudget', 'calm', '--selector=app=web', '--max-unavailable=1'],
    shows: ['{.spec.maxUnavailable} {.spec.selector.matchLabels.app}', '1 web'],
  },
  {
    create: ['priorityclass', `urgent-${suffix}`, '--value=1000', '--description=d', '--preemption-policy=Never'],
    shows: ['{.value} {.preemptionPolicy} {.globalDefault}', '1000 Never '],
  },
]

/** The items before the first `mark`, and the rest. */
const splitAt = (items: readonly string[], mark: string): [readonly string[], readonly string[]] => {
  const at = items.indexOf(mark)
  return at < 0 ? [items, []] : [items.slice(0, at), items.slice(at)]
}

export const describeGenerators = (surface: Surface): void => {
  describe('create', () => {
    let kubectl: Kubectl

    before(async () => {
      kubectl = await inNewNamespace(surface, `create-${surface.suffix}`)
    })

    it('makes every object that it has flags for', async () => {
      for (const { create, shows } of cases(surface.running().layout.pki, surface.suffix)) {
        const [flags, command] = splitAt(create, '--')
        assert.equal(
          await kubectl('create', ...flags, '-o', `jsonpath=${shows[0]}`, ...command),
          shows[1],
          flags.join(' '),
        )
      }
      assert.match(await kubectl('create', 'namespace', `${surface.suffix}-made`), / created\n$/)
    })

    it('makes tokens that last as long as is asked for', async () => {
      const token = await kubectl('create', 'token', 'robot', '--duration=1h', '--audience=a', '--audience=b')
      const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as {
        aud: string[]
        exp: number
        iat: number
      }
      assert.deepEqual(claims.aud, ['a', 'b'])
      assert.equal(claims.exp - claims.iat, 3600)
      const { stderr } = await kubectl.run(['create', 'token', 'nobody'])
      assert.match(stderr, /serviceaccounts "nobody" not found/)
    })

    it('exposes, autoscales and runs', async () => {
      await kubectl('expose', 'deployment', 'web', '--type=NodePort', '--name=web-outside')
      const service = await kubectl.json<Service>('get', 'service', 'web-outside')
      assert.equal(service.spec?.ports?.[0]?.targetPort, 80)
      assert.ok((service.spec?.ports?.[0]?.nodePort ?? 0) >= 30000)
      await kubectl('autoscale', 'deployment', 'web', '--min=1', '--max=3', '--cpu-percent=50')
      assert.match(await kubectl('get', 'hpa', 'web'), /Deployment\/web +cpu: <unknown>\/50% +1 +3/)
      // Until the quota made above is counted nothing that it limits is let in.
      const quota = ['get', 'quota', 'limits', '-o', 'jsonpath={.status.used.pods}'] as const
      await waitFor(async () => (await kubectl(...quota)) !== '', { what: 'the quota to be counted' })
      await kubectl(
        'run',
        'shell',
        '--image=none:1',
        '--labels=app=shell',
        '--overrides={"spec":{"schedulerName":"nobody"}}',
      )
      assert.equal(await kubectl('get', 'pod', '-l', 'app=shell', '-o', 'name'), 'pod/shell\n')
      await kubectl('delete', 'pod', 'shell')
    })

    it('only shows what it would make in a dry run, by itself and by the server', async () => {
      const client = await kubectl('create', 'deployment', 'dry', '--image=none:1', '--dry-run=client', '-o', 'yaml')
      assert.match(client, /^kind: Deployment$/m)
      const server = JSON.parse(
        await kubectl('create', 'deployment', 'dry', '--image=none:1', '--dry-run=server', '-o', 'json'),
      ) as KubeObject
      assert.ok(server.metadata?.uid !== undefined)
      const { stderr } = await kubectl.run(['get', 'deployment', 'dry'])
      assert.match(stderr, /Error from server \(NotFound\): deployments.apps "dry" not found/)
    })

    it('says what is wrong, with the reason', async () => {
      const taken = await kubectl.run(['create', 'configmap', 'settings'])
      assert.match(taken.stderr, /error: failed to create configmap: configmaps "settings" already exists/)
      const badName = await kubectl.run(['create', 'configmap', 'Bad_Name'])
      assert.match(
        badName.stderr,
        /ConfigMap "Bad_Name" is invalid: metadata.name: Invalid value: "Bad_Name": a lowercase RFC 1123 subdomain/,
      )
      const nowhere = await kubectl.run(['-n', 'nowhere', 'create', 'serviceaccount', 'x'])
      assert.match(nowhere.stderr, /namespaces "nowhere" not found/)
    })
  })
}
