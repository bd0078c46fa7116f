/** NetworkPolicies applied with kubectl, and connections between real containers on two nodes, in both families. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Pod } from '../../api/types.ts'
import { running as processOf } from '../../deploy/process-table.ts'
import { busyboxImage, ensureTestImages } from '../harness/images.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { waitFor } from '../harness/wait.ts'

const running = useCluster({ nodes: 2, families: ['IPv4', 'IPv6'] }, () => ensureTestImages())

const ports = [80, 8080, 8081, 8090]
/** A web server on four ports; `http` is one of them. */
const server = (name: string, namespace: string, node: string): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace, labels: { app: 'server', name } },
  spec: {
    nodeName: node,
    terminationGracePeriodSeconds: 0,
    containers: [
      {
        name: 'main',
        image: busyboxImage,
        command: [
          'sh',
          '-c',
          `mkdir -p /tmp/www; echo ${name} > /tmp/www/index.html; for p in ${ports.join(' ')}; do httpd -p $p -h /tmp/www; done; sleep 100000`,
        ],
        ports: [{ name: 'http', containerPort: 8080 }],
        readinessProbe: { httpGet: { path: '/', port: 80 }, periodSeconds: 1, failureThreshold: 1 },
      },
    ],
  },
})

/** Tries from its first moment on to reach what it is told, and says whenever it did. */
const client = (
  name: string,
  namespace: string,
  { node, labels = {}, script = 'sleep 100000' }: { node: string; labels?: Record<string, string>; script?: string },
): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace, labels: { app: 'client', name, ...labels } },
  spec: {
    nodeName: node,
    terminationGracePeriodSeconds: 0,
    containers: [{ name: 'main', image: busyboxImage, command: ['sh', '-c', script] }],
  },
})

const policy = (name: string, namespace: string, spec: object): object => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name, namespace },
  spec,
})

const apply = (...items: object[]): Promise<string> =>
  running().kubectl.withInput(JSON.stringify({ apiVersion: 'v1', kind: 'List', items }), 'apply', '-f', '-')

const addressesOf = async (name: string): Promise<string[]> => {
  const pod = await running().kubectl.json<Pod>('get', 'pod', name, '-n', 'shop')
  return (pod.status?.podIPs ?? []).map(({ ip }) => ip)
}

const exec = async (name: string, namespace: string, ...command: string[]): Promise<boolean> =>
  (await running().kubectl.run(['exec', name, '-n', namespace, '--', ...command])).code === 0

const reaches = (name: string, namespace: string, to: string, port = 80): Promise<boolean> =>
  exec(name, namespace, 'nc', '-w', '1', to, String(port))

/**
 * Each `namespace/client → server port`, in the end as it is told, all at the same time. A server is its Pod's
 * addresses: they are open or closed together.
 */
const becomes = async (
  servers: ReadonlyMap<string, readonly string[]>,
  expected: Readonly<Record<string, 'open' | 'closed'>>,
): Promise<void> => {
  const look = async (): Promise<Record<string, string>> =>
    Object.fromEntries(
      await Promise.all(
        Object.keys(expected).map(async (line) => {
          const [, namespace = '', name = '', to = '', port] = /^(\S+)\/(\S+) → (\S+) (\d+)$/.exec(line) ?? []
          const tries = await Promise.all(
            (servers.get(to) ?? []).map((address) => reaches(name, namespace, address, Number(port))),
          )
          const outcome = tries.every(Boolean) ? 'open' : tries.some(Boolean) ? 'mixed' : 'closed'
          return [line, outcome] as const
        }),
      ),
    )
  let last: Record<string, string> = {}
  await waitFor(
    async () => {
      last = await look()
      return Object.entries(expected).every(([line, state]) => last[line] === state)
    },
    { what: 'connections as policies want them', timeoutMs: 60_000 },
  ).catch(() => assert.deepEqual(last, expected))
}

describe('network policies on two nodes', () => {
  const servers = new Map<string, string[]>()
  const [near, far] = ['near', 'far']
  /** One address of a server. */
  const at = (name: string, family = 0): string => servers.get(name)?.[family] ?? ''
  let nodes: string[] = []

  before(async () => {
    const { kubectl } = running()
    nodes = running()
      .nodes()
      .map(({ name }) => name)
    const [first = '', second = ''] = nodes
    for (const namespace of ['shop', 'office']) await kubectl('create', 'namespace', namespace)
    await kubectl('label', 'namespace', 'office', 'team=office')
    for (const namespace of ['shop', 'office']) {
      const account = ['get', 'serviceaccount', 'default', '-n', namespace]
      await waitFor(async () => (await kubectl.run(account)).code === 0, { what: 'an account for Pods' })
    }
    await apply(
      server('near', 'shop', first),
      server('far', 'shop', second),
      client('friend', 'shop', { node: first, labels: { role: 'friend' } }),
      client('stranger', 'shop', { node: first }),
      client('clerk', 'office', { node: second, labels: { role: 'friend' } }),
    )
    await kubectl('expose', 'pod', 'far', '-n', 'shop', '--port=80', '--name=far')
    for (const namespace of ['shop', 'office'])
      await kubectl('wait', '--for=condition=Ready', 'pod', '--all', '-n', namespace, '--timeout=60s')
    for (const name of [near, far]) servers.set(name, await addressesOf(name))
    assert.deepEqual(
      [...servers.values()].map((own) => own.map((ip) => ip.includes(':'))),
      [
        [false, true],
        [false, true],
      ],
    )
  })

  after(async () => {
    await running().kubectl('delete', 'networkpolicy', '--all', '-n', 'shop')
  })

  const everywhere = (state: 'open' | 'closed'): Record<string, 'open' | 'closed'> =>
    Object.fromEntries(
      ['shop/friend', 'shop/stranger', 'office/clerk'].flatMap((who) =>
        [near, far].map((to) => [`${who} → ${to} 80`, state] as const),
      ),
    )

  it('close what is denied by default, on one node and between two, and leave Pods Ready', async () => {
    await becomes(servers, everywhere('open'))
    await apply(policy('deny', 'shop', { podSelector: {}, policyTypes: ['Ingress'] }))
    await becomes(servers, everywhere('closed'))
    const { kubectl } = running()
    assert.ok(await reaches('far', 'shop', 'far.shop'), 'a Pod reaches itself, by its Service too')
    // Probes come from the node every second.
    await kubectl('wait', '--for=condition=Ready', 'pod', 'near', 'far', '-n', 'shop', '--timeout=5s')
  })

  it('allow by the labels of Pods and of namespaces', async () => {
    const from = [{ podSelector: { matchLabels: { role: 'friend' } } }]
    await apply(policy('friends', 'shop', { podSelector: { matchLabels: { app: 'server' } }, ingress: [{ from }] }))
    await becomes(servers, {
      ...everywhere('closed'),
      [`shop/friend → ${near} 80`]: 'open',
      [`shop/friend → ${far} 80`]: 'open',
    })
    // The source is the Pod, and the destination the Pod behind the Service.
    assert.ok(await reaches('friend', 'shop', 'far.shop'))
    assert.ok(!(await reaches('stranger', 'shop', 'far.shop')))
    const office = { namespaceSelector: { matchLabels: { team: 'office' } }, podSelector: from[0]?.podSelector }
    await apply(
      policy('friends', 'shop', { podSelector: { matchLabels: { name: 'far' } }, ingress: [{ from: [office] }] }),
    )
    await becomes(servers, { ...everywhere('closed'), [`office/clerk → ${far} 80`]: 'open' })
    await running().kubectl('label', 'namespace', 'office', 'team-')
    await becomes(servers, everywhere('closed'))
    await running().kubectl('label', 'pod', 'stranger', '-n', 'shop', 'role=friend')
    await apply(policy('friends', 'shop', { podSelector: {}, ingress: [{ from }] }))
    await becomes(servers, {
      ...everywhere('open'),
      [`office/clerk → ${near} 80`]: 'closed',
      [`office/clerk → ${far} 80`]: 'closed',
    })
    await running().kubectl('label', 'pod', 'stranger', '-n', 'shop', 'role-')
  })

  it('allow by ranges of addresses with exceptions', async () => {
    const [four, six] = await addressesOf('stranger')
    const from = [
      { ipBlock: { cidr: '0.0.0.0/0', except: [`${four}/32`] } },
      { ipBlock: { cidr: '::/0', except: [`${six}/128`] } },
    ]
    await apply(policy('friends', 'shop', { podSelector: {}, ingress: [{ from }] }))
    await becomes(servers, {
      ...everywhere('open'),
      [`shop/stranger → ${near} 80`]: 'closed',
      [`shop/stranger → ${far} 80`]: 'closed',
    })
  })

  it('allow ports by range and by name', async () => {
    await apply(policy('friends', 'shop', { podSelector: {}, ingress: [{ ports: [{ port: 8081, endPort: 8090 }] }] }))
    const only = (open: readonly number[]): Record<string, 'open' | 'closed'> =>
      Object.fromEntries(
        ports.flatMap((port) =>
          [near, far].map((to) => [`shop/friend → ${to} ${port}`, open.includes(port) ? 'open' : 'closed'] as const),
        ),
      )
    await becomes(servers, only([8081, 8090]))
    await apply(policy('friends', 'shop', { podSelector: {}, ingress: [{ ports: [{ port: 'http' }] }] }))
    await becomes(servers, only([8080]))
  })

  it('open again what they closed when they are gone', async () => {
    await running().kubectl('delete', 'networkpolicy', 'deny', 'friends', '-n', 'shop')
    await becomes(servers, everywhere('open'))
  })

  it('see the Pod behind a Service, and let who may ask names ask nothing else', async () => {
    const resolves = (): Promise<boolean> => exec('friend', 'shop', 'nslookup', 'far.shop.svc.cluster.local')
    const select = { matchLabels: { role: 'friend' } }
    await apply(policy('out', 'shop', { podSelector: select, policyTypes: ['Egress'] }))
    await waitFor(async () => !(await resolves()), { what: 'a Pod that may send nothing to have no DNS' })
    const dns = {
      to: [
        {
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } },
          podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } },
        },
      ],
      ports: [
        { port: 53, protocol: 'UDP' },
        { port: 53, protocol: 'TCP' },
      ],
    }
    await apply(policy('out', 'shop', { podSelector: select, policyTypes: ['Egress'], egress: [dns] }))
    await waitFor(resolves, { what: 'DNS for who may ask it' })
    assert.ok(!(await reaches('friend', 'shop', at(far))))
    assert.ok(!(await reaches('friend', 'shop', 'far.shop')), 'by its Service')
    const toFar = { to: [{ podSelector: { matchLabels: { name: 'far' } } }] }
    await apply(policy('out', 'shop', { podSelector: select, policyTypes: ['Egress'], egress: [dns, toFar] }))
    await waitFor(() => reaches('friend', 'shop', 'far.shop'), { what: 'the Pod behind the Service' })
    assert.ok(!(await reaches('friend', 'shop', at(near))))
    await running().kubectl('delete', 'networkpolicy', 'out', '-n', 'shop')
  })

  /** Writes a line for each connection that it gets, and for each round. */
  const knocking = (to: string): string =>
    `while true; do nc -w 1 ${to} 80 </dev/null && echo through; echo round; done`
  const said = async (name: string): Promise<string> =>
    (await running().kubectl.run(['logs', name, '-n', 'shop'])).stdout

  it('hold a new Pod from its first moment', async () => {
    const { kubectl } = running()
    const [node = ''] = nodes
    await apply(policy('early', 'shop', { podSelector: { matchLabels: { early: 'yes' } }, policyTypes: ['Egress'] }))
    const names = Array.from({ length: 4 }, (_, index) => `early-${index}`)
    await apply(
      ...names.map((name, index) =>
        client(name, 'shop', {
          node,
          labels: { early: 'yes' },
          script: knocking(at(index % 2 === 0 ? near : far, index >> 1)),
        }),
      ),
      // The same, but nothing is against it: the door opens at once.
      client('free', 'shop', { node, script: knocking(at(near)) }),
    )
    await waitFor(async () => (await said('free')).includes('through'), { what: 'a free Pod to get through' })
    for (const name of names) {
      await waitFor(async () => (await said(name)).split('round').length > 3, { what: `${name} to have tried` })
      assert.doesNotMatch(await said(name), /through/)
    }
    await kubectl('delete', 'pod', '-n', 'shop', ...names, 'free', '--wait=true')
  })

  it('hold a new Pod for as long as the proxy is away', async () => {
    const { kubectl, layout } = running()
    const [node = ''] = nodes
    const proxy = processOf(layout.run, `${node}-kube-proxy`)
    assert.ok(proxy !== undefined)
    process.kill(proxy.pid, 'SIGSTOP')
    try {
      await apply(
        client('held', 'shop', { node, labels: { early: 'yes' }, script: knocking(at(near)) }),
        client('waiting', 'shop', { node, script: knocking(at(near)) }),
      )
      for (const name of ['held', 'waiting']) {
        await waitFor(async () => (await said(name)).split('round').length > 2, { what: `${name} to have tried` })
        assert.doesNotMatch(await said(name), /through/)
      }
    } finally {
      process.kill(proxy.pid, 'SIGCONT')
    }
    await waitFor(async () => (await said('waiting')).includes('through'), { what: 'the free Pod to be known' })
    assert.doesNotMatch(await said('held'), /through/)
    await kubectl('delete', 'pod', '-n', 'shop', 'held', 'waiting', '--wait=true')
  })

  it('stay as they are when the proxy is killed, and are followed by the next one', async () => {
    const { kubectl, layout } = running()
    await apply(policy('deny', 'shop', { podSelector: {}, policyTypes: ['Ingress'] }))
    await becomes(servers, everywhere('closed'))
    for (const node of nodes) {
      const proxy = processOf(layout.run, `${node}-kube-proxy`)
      if (proxy !== undefined) process.kill(proxy.pid, 'SIGKILL')
    }
    await becomes(servers, everywhere('closed'))
    await kubectl('delete', 'networkpolicy', '--all', '-n', 'shop')
    await becomes(servers, everywhere('open'))
  })
})
