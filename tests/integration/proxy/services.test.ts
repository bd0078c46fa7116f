/** What becomes of packets to Services: who answers, and whom it sees as the client. Two nodes, both families. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { services as servicesRef } from '../../../api/resources.ts'
import type { Service } from '../../../api/types.ts'
import type { RunningCommand } from '../../harness/command.ts'
import type { Host, Question } from '../../harness/packet-net.ts'
import { waitFor } from '../../harness/wait.ts'
import { createWorld, endpoint, podPort, type World } from '../../harness/proxy-world.ts'

describe('packets to Services', () => {
  let world: World
  let nodes: [Host, Host]
  let podA: Host
  let podB: Host
  let podC: Host
  let outside: Host
  let proxies: RunningCommand[]

  before(
    async () => {
      ;({ world, nodes } = await createWorld())
      podA = await world.net.addPod(nodes[0], 1, 'pod-a', 11)
      podB = await world.net.addPod(nodes[1], 2, 'pod-b', 12)
      podC = await world.net.addPod(nodes[0], 1, 'pod-c', 13)
      outside = await world.net.addHost('client', 100)
      proxies = await Promise.all(nodes.map((node) => world.startProxy(node)))
    },
    { timeout: 120_000 },
  )
  after(async () => world?.[Symbol.asyncDispose](), { timeout: 60_000 })

  const port = (more: Record<string, unknown> = {}) => ({ port: 80, targetPort: podPort, protocol: 'TCP', ...more })
  const makeService = (name: string, spec: Service['spec'] = {}, more: Partial<Service> = {}): Promise<Service> =>
    world.service(name, { ports: [port()], ...spec } as Service['spec'], more)
  const addressOf = (service: Service, family: 'IPv4' | 'IPv6' = 'IPv4'): string =>
    service.spec?.clusterIPs?.find((ip) => ip.includes(':') === (family === 'IPv6')) ?? ''
  const nodePortOf = (service: Service): number => service.spec?.ports?.[0]?.nodePort ?? 0
  const distinct = (answers: readonly string[]): string[] => [...new Set(answers)].toSorted()
  /** Asks until the answers are as wanted: rules follow the API in some milliseconds, or more on a busy machine. */
  const answersAre = async (from: Host, question: Question, wanted: readonly string[]): Promise<void> => {
    let last: string[] = []
    await waitFor(
      async () => {
        last = distinct(await world.net.ask(from, { count: 12, timeout: 0.5, ...question }))
        return assert.deepEqual(last, [...wanted].toSorted()) === undefined
      },
      {
        what: `${from.name} → ${question.ip}:${question.port} (${question.protocol ?? 'tcp'}): ${wanted.join(', ')}`,
        timeoutMs: 15_000,
      },
    )
  }
  const setStatus = (name: string, status: Service['status']): Promise<Service> =>
    world.client.patch(servicesRef, name, 'default', { status }, { type: 'merge', subresource: 'status' })

  it('go to all endpoints on both nodes, in both families, with the Pod as the client', async () => {
    const service = await makeService('web', { ipFamilyPolicy: 'RequireDualStack' })
    await world.endpoints('web', [endpoint(podA, nodes[0]), endpoint(podB, nodes[1])])
    const v6 = [
      endpoint(podA, nodes[0], { addresses: [podA.ipv6] }),
      endpoint(podB, nodes[1], { addresses: [podB.ipv6] }),
    ]
    await world.endpoints('web', v6, { family: 'IPv6' })
    await answersAre(podC, { ip: addressOf(service), port: 80 }, [`pod-a ${podC.ipv4}`, `pod-b ${podC.ipv4}`])
    await answersAre(podC, { ip: addressOf(service, 'IPv6'), port: 80 }, [`pod-a ${podC.ipv6}`, `pod-b ${podC.ipv6}`])
    // From a node itself: with an address of its own.
    await answersAre(nodes[0], { ip: addressOf(service), port: 80 }, ['pod-a 10.210.1.1', `pod-b ${nodes[0].ipv4}`])
  })

  it('that come back to their own Pod have the node as the client', async () => {
    const service = await makeService('web', {})
    await answersAre(podA, { ip: addressOf(service), port: 80 }, ['pod-a 10.210.1.1', `pod-b ${podA.ipv4}`])
  })

  it('to a port that the Service does not have are refused, and to an address of nobody are dropped', async () => {
    const service = await makeService('web', {})
    await answersAre(podC, { ip: addressOf(service), port: 81, count: 1 }, ['refused'])
    await answersAre(podC, { ip: '10.212.255.254', port: 80, count: 1 }, ['timeout'])
  })

  it('to a Service without endpoints are refused at once, in TCP and UDP', async () => {
    const ports = [port({ name: 'tcp' }), port({ name: 'udp', protocol: 'UDP' })]
    const service = await makeService('empty', { ports, type: 'NodePort' } as Service['spec'])
    for (const protocol of ['tcp', 'udp'] as const) {
      await answersAre(podC, { ip: addressOf(service), port: 80, protocol, count: 1 }, ['refused'])
      const nodePort = service.spec?.ports?.find(({ name }) => name === protocol)?.nodePort ?? 0
      await answersAre(outside, { ip: nodes[0].ipv4, port: nodePort, protocol, count: 1 }, ['refused'])
    }
  })

  it('to a node port come by the node’s own address, in both families, and not by others', async () => {
    const service = await makeService('web', { type: 'NodePort' })
    const nodePort = nodePortOf(service)
    await answersAre(outside, { ip: nodes[0].ipv4, port: nodePort }, ['pod-a 10.210.1.1', `pod-b ${nodes[0].ipv4}`])
    await answersAre(outside, { ip: nodes[0].ipv6, port: nodePort }, ['pod-a fd00:210:1::1', `pod-b ${nodes[0].ipv6}`])
    // 1.36 in this mode: the primary address alone, and never the loopback one.
    assert.deepEqual(await world.net.ask(podC, { ip: '10.210.1.1', port: nodePort }), ['refused'])
    assert.deepEqual(await world.net.ask(nodes[0], { ip: '127.0.0.1', port: nodePort }), ['refused'])
  })

  it('under externalTrafficPolicy Local keep their client, and stay on the node or are dropped', async () => {
    const service = await makeService('local', { type: 'NodePort', externalTrafficPolicy: 'Local' })
    await world.endpoints('local', [endpoint(podA, nodes[0])])
    await answersAre(outside, { ip: nodes[0].ipv4, port: nodePortOf(service) }, [`pod-a ${outside.ipv4}`])
    await answersAre(outside, { ip: nodes[1].ipv4, port: nodePortOf(service), count: 2 }, ['timeout'])
    // What comes from within the cluster is as if it had gone by a load balancer: any endpoint.
    await answersAre(podB, { ip: nodes[1].ipv4, port: nodePortOf(service) }, [`pod-a ${podB.ipv4}`])
    await answersAre(nodes[1], { ip: nodes[1].ipv4, port: nodePortOf(service) }, [`pod-a ${nodes[1].ipv4}`])
  })

  it('under internalTrafficPolicy Local stay on the node or are dropped', async () => {
    const service = await makeService('inside', { internalTrafficPolicy: 'Local' })
    await world.endpoints('inside', [endpoint(podA, nodes[0])])
    await answersAre(podC, { ip: addressOf(service), port: 80 }, [`pod-a ${podC.ipv4}`])
    await answersAre(podB, { ip: addressOf(service), port: 80, count: 2 }, ['timeout'])
  })

  it('to external addresses and load balancers come in, from allowed sources alone', async () => {
    const service = await makeService('public', {
      type: 'LoadBalancer',
      externalIPs: ['203.0.113.7'],
      loadBalancerSourceRanges: [`${outside.ipv4}/32`],
    })
    await world.endpoints('public', [endpoint(podB, nodes[1])])
    await setStatus('public', { loadBalancer: { ingress: [{ ip: '203.0.113.8', ipMode: 'VIP' }] } })
    const stranger = await world.net.addHost('stranger', 101)
    for (const host of [outside, stranger]) await host.run('ip', 'route', 'add', '203.0.113.0/24', 'via', nodes[0].ipv4)
    await answersAre(outside, { ip: '203.0.113.8', port: 80 }, [`pod-b ${nodes[0].ipv4}`])
    await answersAre(stranger, { ip: '203.0.113.8', port: 80, count: 2 }, ['timeout'])
    // External addresses and node ports know no such ranges.
    await answersAre(stranger, { ip: '203.0.113.7', port: 80 }, [`pod-b ${nodes[0].ipv4}`])
    await answersAre(stranger, { ip: nodes[0].ipv4, port: nodePortOf(service) }, [`pod-b ${nodes[0].ipv4}`])
    await answersAre(podC, { ip: '203.0.113.8', port: 80, count: 2 }, ['timeout'])
    // Behind a load balancer that is a proxy, what is sent to its address must go to it: here that leads nowhere.
    await setStatus('public', { loadBalancer: { ingress: [{ ip: '203.0.113.8', ipMode: 'Proxy' }] } })
    await answersAre(outside, { ip: '203.0.113.8', port: 80, count: 1 }, ['timeout'])
  })

  it('have a health-check port that tells load balancers of this node’s endpoints', async () => {
    const service = await makeService('checked', { type: 'LoadBalancer', externalTrafficPolicy: 'Local' })
    await world.endpoints('checked', [endpoint(podA, nodes[0]), endpoint(podC, nodes[0])])
    const checkPort = service.spec?.healthCheckNodePort ?? 0
    assert.notEqual(checkPort, 0)
    const check = (node: Host): Promise<string> =>
      outside.run('curl', '-si', '-m', '2', `http://${node.ipv4}:${checkPort}/healthz`)
    const answer = await waitFor(
      async () => (await check(nodes[0])).includes('"localEndpoints": 2') && check(nodes[0]),
      {
        what: 'the health-check port',
      },
    )
    assert.match(answer, /^HTTP\/1\.1 200 OK/)
    assert.match(answer, /x-load-balancing-endpoint-weight: 2/i)
    assert.match(answer, /"namespace": "default",\n\t\t"name": "checked"/)
    assert.match(await check(nodes[1]), /^HTTP\/1\.1 503 [\s\S]*weight: 0[\s\S]*"localEndpoints": 0/i)
    await world.client.delete(servicesRef, 'checked', 'default')
    await waitFor(
      () =>
        check(nodes[0]).then(
          () => false,
          () => true,
        ),
      { what: 'the port to be closed' },
    )
  })

  it('of one client go to one endpoint while its affinity lasts, whatever becomes of the others', async () => {
    const service = await makeService('sticky', {
      sessionAffinity: 'ClientIP',
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 2 } },
    })
    const all = [endpoint(podA, nodes[0]), endpoint(podB, nodes[1]), endpoint(podC, nodes[0])]
    await world.endpoints('sticky', all)
    const question = { ip: addressOf(service), port: 80, count: 10 }
    const [first = ''] = await waitFor(
      async () => {
        const answers = distinct(await world.net.ask(nodes[1], question))
        return answers.length === 1 && answers[0]?.startsWith('pod-') === true && answers
      },
      { what: 'one endpoint for all' },
    )
    const podName = first.split(' ')[0]
    const others = all.filter(
      ({ addresses }) => addresses[0] !== { 'pod-a': podA, 'pod-b': podB, 'pod-c': podC }[podName ?? '']?.ipv4,
    )
    const kept = all.filter((one) => one !== others[0])
    await world.endpoints('sticky', kept)
    await waitFor(
      async () =>
        !(await nodes[1].run('nft', 'list', 'table', 'ip', 'kube-proxy')).includes(
          `sticky/tcp/__${others[0]?.addresses[0]}/`,
        ),
      {
        what: 'the endpoint to go',
      },
    )
    assert.deepEqual(
      distinct(await world.net.ask(nodes[1], question)).map((answer) => answer.split(' ')[0]),
      [podName],
    )
    // After its time a client is nobody's, and one of its next questions goes to another endpoint.
    const seen = new Set<string>()
    const remembered = async (): Promise<boolean> =>
      /elements = \{[^}]*expires/.test(await nodes[1].run('nft', 'list', 'sets', 'ip'))
    await waitFor(
      async () => {
        await waitFor(async () => !(await remembered()), { what: 'the client to be forgotten' })
        for (const answer of await world.net.ask(nodes[1], { ...question, count: 1 }))
          seen.add(answer.split(' ')[0] ?? '')
        return seen.size > 1
      },
      { what: 'another endpoint', timeoutMs: 60_000 },
    )
  })

  it('stay in the zone that hints name', async () => {
    const service = await makeService('near', {})
    const hinted = (pod: Host, node: Host, zone: string) =>
      endpoint(pod, node, { zone, hints: { forZones: [{ name: zone }] } })
    await world.endpoints('near', [hinted(podA, nodes[0], 'zone-1'), hinted(podB, nodes[1], 'zone-2')])
    await answersAre(podC, { ip: addressOf(service), port: 80 }, [`pod-a ${podC.ipv4}`])
    await answersAre(podB, { ip: addressOf(service), port: 80 }, ['pod-b 10.210.2.1'])
  })

  it('go to endpoints that are ending when there is no other', async () => {
    const service = await makeService('ending', {})
    const ending = { conditions: { ready: false, serving: true, terminating: true } }
    await world.endpoints('ending', [endpoint(podA, nodes[0], ending), endpoint(podB, nodes[1])])
    await answersAre(podC, { ip: addressOf(service), port: 80 }, [`pod-b ${podC.ipv4}`])
    await world.endpoints('ending', [endpoint(podA, nodes[0], ending)])
    await answersAre(podC, { ip: addressOf(service), port: 80 }, [`pod-a ${podC.ipv4}`])
  })

  it('of SCTP go their way', async () => {
    const ports = [port({ protocol: 'SCTP', port: 7000 })]
    const service = await makeService('signals', { ports } as Service['spec'])
    await world.endpoints('signals', [endpoint(podA, nodes[0]), endpoint(podB, nodes[1])], { protocol: 'SCTP' })
    await answersAre(podC, { ip: addressOf(service), port: 7000, protocol: 'sctp' }, [
      `pod-a ${podC.ipv4}`,
      `pod-b ${podC.ipv4}`,
    ])
  })

  it('of one UDP flow follow the endpoints: none, one, another', async () => {
    const ports = [port({ protocol: 'UDP', port: 53 })]
    const service = await makeService('names', { ports } as Service['spec'])
    const question = { ip: addressOf(service), port: 53, protocol: 'udp', count: 1, sourcePort: 5353 } as const
    await answersAre(podC, question, ['refused'])
    await world.endpoints('names', [endpoint(podA, nodes[0])], { protocol: 'UDP' })
    await answersAre(podC, question, [`pod-a ${podC.ipv4}`])
    await world.endpoints('names', [endpoint(podB, nodes[1])], { protocol: 'UDP' })
    await answersAre(podC, question, [`pod-b ${podC.ipv4}`])
  })

  it('of one UDP flow follow the endpoints in IPv6 too', async () => {
    const ports = [port({ protocol: 'UDP', port: 53 })]
    const service = await makeService('names6', { ports, ipFamilies: ['IPv6'] } as Service['spec'])
    const question = { ip: addressOf(service, 'IPv6'), port: 53, protocol: 'udp', count: 1, sourcePort: 5354 } as const
    const slice = (pod: Host, node: Host) =>
      world.endpoints('names6', [endpoint(pod, node, { addresses: [pod.ipv6] })], { protocol: 'UDP', family: 'IPv6' })
    await slice(podA, nodes[0])
    await answersAre(podC, question, [`pod-a ${podC.ipv6}`])
    await slice(podB, nodes[1])
    await answersAre(podC, question, [`pod-b ${podC.ipv6}`])
  })

  it('follow a Service that changes its port', async () => {
    const service = await makeService('moving', {})
    await world.endpoints('moving', [endpoint(podA, nodes[0])])
    await answersAre(podC, { ip: addressOf(service), port: 80, count: 2 }, [`pod-a ${podC.ipv4}`])
    await makeService('moving', { ports: [port({ port: 81 })] } as Service['spec'])
    await answersAre(podC, { ip: addressOf(service), port: 81, count: 2 }, [`pod-a ${podC.ipv4}`])
    await answersAre(podC, { ip: addressOf(service), port: 80, count: 1 }, ['refused'])
    await world.client.delete(servicesRef, 'moving', 'default')
    await answersAre(podC, { ip: addressOf(service), port: 81, count: 1 }, ['timeout'])
  })

  it('outlive a proxy that is killed, and what it left is put right by the next one', async () => {
    const service = await makeService('web', { type: 'NodePort' })
    const gone = await makeService('gone', {})
    await world.endpoints('gone', [endpoint(podA, nodes[0])])
    await answersAre(podC, { ip: addressOf(gone), port: 80, count: 2 }, [`pod-a ${podC.ipv4}`])
    const talk = world.net.start(podC, '/usr/bin/python3', [
      '-uc',
      `import socket, sys
s = socket.create_connection(("${addressOf(service)}", 80)); print(s.recv(99).decode().strip())
for line in sys.stdin: s.sendall(b"?"); print("again", s.recv(99).decode().strip())`,
    ])
    await talk.until(/pod-/)
    proxies[0]?.child.kill('SIGKILL')
    await proxies[0]?.ended
    await answersAre(podC, { ip: addressOf(service), port: 80 }, [`pod-a ${podC.ipv4}`, `pod-b ${podC.ipv4}`])
    await world.client.delete(servicesRef, 'gone', 'default')
    proxies[0] = await world.startProxy(nodes[0])
    await answersAre(podC, { ip: addressOf(gone), port: 80, count: 1 }, ['timeout'])
    talk.type('?\n')
    await talk.until(/again pod-/)
    await waitFor(async () => !(await nodes[0].run('nft', 'list', 'chains', 'ip')).includes('default/gone/'), {
      what: 'the chains of the Service that went',
    })
  })

  it('are as they were after nft was used by somebody else on the table', async () => {
    const service = await makeService('web', {})
    await nodes[0].run('nft', 'flush', 'map', 'ip', 'kube-proxy', 'service-ips')
    assert.deepEqual(distinct(await world.net.ask(podC, { ip: addressOf(service), port: 80, timeout: 0.3 })), [
      'refused',
    ])
    // A change that nft refuses, as what it is to delete is not there, makes the proxy write everything.
    await makeService('web', { ports: [port({ port: 8000 })] } as Service['spec'])
    await answersAre(podC, { ip: addressOf(service), port: 8000 }, [`pod-a ${podC.ipv4}`, `pod-b ${podC.ipv4}`])
    await world.endpoints('web', [endpoint(podA, nodes[0])])
    await answersAre(podC, { ip: addressOf(service), port: 8000 }, [`pod-a ${podC.ipv4}`])
    const metrics = await nodes[0].run('curl', '-s', 'http://127.0.0.1:10249/metrics')
    assert.match(metrics, /kubeproxy_sync_proxy_rules_nftables_sync_failures_total\{ip_family="IPv4"\} 1\n/)
    assert.match(metrics, /kubeproxy_sync_full_proxy_rules_duration_seconds_count\{ip_family="IPv4"\} [2-9]/)
    assert.match(metrics, /kubeproxy_network_programming_duration_seconds_count/)
    const health = JSON.parse(await outside.run('curl', '-s', `http://${nodes[0].ipv4}:10256/healthz`)) as object
    assert.deepEqual(Object.keys(health), ['lastUpdated', 'currentTime', 'nodeEligible'])
  })

  it('are nobody’s any more after --cleanup', async () => {
    const proxy = proxies[1]
    proxy?.child.kill('SIGTERM')
    await proxy?.ended
    assert.match(await nodes[1].run('nft', 'list', 'tables'), /kube-proxy/)
    await world.runProxy(nodes[1], ['--cleanup'])
    assert.equal(await nodes[1].run('nft', 'list', 'tables'), '')
    assert.equal(await nodes[1].run('ip', 'route', 'show', 'proto', '172'), '')
  })
})
