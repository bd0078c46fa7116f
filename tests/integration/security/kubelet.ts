/** The kubelet's API: who gets in, and what of it each subresource of nodes opens. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import { clusterRoleBindings, clusterRoles, serviceAccounts } from '../../../api/resources.ts'
import type { TestCluster } from '../../harness/cluster.ts'
import { createHttpTo, type Http, kubeletCredentials, pkiCredentials } from '../../harness/http.ts'
import { waitFor } from '../../harness/wait.ts'

/** Paths, and the subresources any of which opens them with `get`. */
const doors: readonly (readonly [string, readonly string[]])[] = [
  ['/metrics', ['metrics']],
  ['/metrics/resource', ['metrics']],
  ['/stats/summary', ['stats']],
  ['/logs/', ['log']],
  ['/pods', ['pods', 'proxy']],
  ['/runningpods/', ['pods', 'proxy']],
  ['/healthz', ['healthz', 'proxy']],
  ['/configz', ['configz', 'proxy']],
  ['/containerLogs/default/none/main', ['proxy']],
  ['/no/such/path', ['proxy']],
]
const subresources = ['metrics', 'stats', 'log', 'pods', 'healthz', 'configz', 'proxy'] as const

export const describeKubelet = (running: () => TestCluster): void => {
  describe('the kubelet’s API', () => {
    let cluster: TestCluster
    let kubelet: Http
    let address: string
    const tokens = new Map<string, string>()

    before(async () => {
      cluster = running()
      address = cluster.nodes()[0]?.address ?? ''
      const ca = readFileSync(join(cluster.layout.pki, 'ca.crt'), 'utf8')
      kubelet = createHttpTo({ server: `https://${address}:10250`, ca })
      const { client, kubectl } = cluster
      for (const subresource of subresources) {
        const name = `reads-${subresource}`
        await client.create(serviceAccounts, { metadata: { name, namespace: 'default' } })
        const rules = [{ apiGroups: [''], resources: [`nodes/${subresource}`], verbs: ['get'] }]
        await client.create(clusterRoles, { metadata: { name }, rules })
        await client.create(clusterRoleBindings, {
          metadata: { name },
          roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
          subjects: [{ kind: 'ServiceAccount', name, namespace: 'default' }],
        })
        tokens.set(subresource, (await kubectl('create', 'token', name)).trim())
      }
    })

    const isRefused = async (path: string, subresource: string): Promise<boolean> => {
      const { code } = await kubelet(path, { token: tokens.get(subresource) ?? '' })
      assert.notEqual(code, 401)
      return code === 403
    }

    it('opens each path to who may get one of its subresources of nodes, and to nobody else', async () => {
      await waitFor(async () => !(await isRefused('/healthz', 'healthz')), { what: 'the roles to count' })
      for (const [path, opening] of doors) {
        for (const subresource of subresources) {
          assert.equal(await isRefused(path, subresource), !opening.includes(subresource), `${path} by ${subresource}`)
        }
      }
    })

    it('lets who may only get create nothing', async () => {
      for (const path of ['/run/default/none/main?cmd=id', '/exec/default/none/main?command=id']) {
        const { code, text } = await kubelet(path, { method: 'POST', token: tokens.get('proxy') ?? '' })
        assert.equal(code, 403)
        assert.match(text, /verb=create, resource=nodes, subresource\(s\)=\[proxy\]/)
      }
    })

    it('knows neither strangers nor other nodes', async () => {
      for (const who of [{}, { token: 'nonsense' }, { token: 'abcdef.0123456789abcdef' }]) {
        assert.equal((await kubelet('/pods', who)).code, 401)
      }
      // A kubelet is in system:nodes, which opens no kubelet.
      const node = cluster.nodes()[0]?.name ?? ''
      assert.equal((await kubelet('/pods', kubeletCredentials(cluster, node))).code, 403)
      for (const component of ['scheduler', 'controller-manager']) {
        assert.equal((await kubelet('/pods', pkiCredentials(cluster, component))).code, 403, component)
      }
    })

    it('has no port that answers without asking who it is', async () => {
      await assert.rejects(fetch(`http://${address}:10255/pods`), /fetch failed/)
      const plain = await fetch(`http://${address}:10250/pods`).then(
        ({ status }) => status,
        () => 'refused',
      )
      assert.ok(plain === 'refused' || plain === 400, String(plain))
    })
  })

  describe('the ports of', () => {
    /** `address:port` of what a process listens on, as `ss` shows it in the process's network. */
    const listening = (pid: string): string[] => {
      const lines = execFileSync('nsenter', ['-t', pid, '-n', 'ss', '-Hltnp'], { encoding: 'utf8' }).split('\n')
      return lines
        .filter((line) => line.includes(`pid=${pid},`))
        .map((line) => line.split(/\s+/)[3] ?? '')
        .sort()
    }
    const pidOf = (process: string): string => {
      const file = readFileSync(join(running().layout.run, `${process}.pid`), 'utf8')
      return String((JSON.parse(file) as { pid: number }).pid)
    }

    it('the control plane are on the loopback address, but for the API server’s', () => {
      const { controlPlane } = running().config()
      const local = (...ports: readonly number[]): string[] => ports.map((port) => `127.0.0.1:${port}`).sort()
      assert.deepEqual(listening(pidOf('etcd')), local(controlPlane.etcdPort, controlPlane.etcdMetricsPort))
      assert.deepEqual(listening(pidOf('kube-controller-manager')), local(controlPlane.controllerManagerPort))
      assert.deepEqual(listening(pidOf('kube-scheduler')), local(controlPlane.schedulerPort))
      assert.deepEqual(listening(pidOf('kube-apiserver')), [`0.0.0.0:${controlPlane.apiServerPort}`])
    })

    it('a node are the kubelet’s API, a health check for load balancers, and what is on its loopback address', () => {
      const [node] = running().nodes()
      assert.deepEqual(listening(pidOf(`${node?.name}-kubelet`)), ['0.0.0.0:10250', '127.0.0.1:10248'])
      const proxy = listening(pidOf(`${node?.name}-kube-proxy`))
      const dns = proxy.filter((port) => port.endsWith(':53'))
      assert.deepEqual(dns, ['10.97.0.10:53'])
      assert.deepEqual(
        proxy.filter((port) => !dns.includes(port)),
        ['0.0.0.0:10256', '127.0.0.1:10249'],
      )
    })

    it('the scheduler and the controller manager show metrics to whom the API server lets see them', async () => {
      const { kubectl, config } = running()
      await kubectl('create', 'serviceaccount', 'scraper')
      const before = (await kubectl('create', 'token', 'scraper')).trim()
      const { controllerManagerPort, schedulerPort } = config().controlPlane
      const http = (port: number): Http => createHttpTo({ server: `https://127.0.0.1:${port}` })
      for (const port of [controllerManagerPort, schedulerPort]) {
        assert.equal((await http(port)('/metrics', { token: before })).code, 403)
      }
      await kubectl('create', 'clusterrole', 'scraper', '--verb=get', '--non-resource-url=/metrics')
      await kubectl(
        'create',
        'clusterrolebinding',
        'scraper',
        '--clusterrole=scraper',
        '--serviceaccount=default:scraper',
      )
      for (const port of [controllerManagerPort, schedulerPort]) {
        await waitFor(async () => (await http(port)('/metrics', { token: before })).code === 200, {
          what: `metrics on port ${port}`,
        })
      }
    })
  })
}
