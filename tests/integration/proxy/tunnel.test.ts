/** Pods of nodes that are not neighbours reach each other in a tunnel, with their own addresses and whole packets. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { RunningCommand } from '../../harness/command.ts'
import type { Host } from '../../harness/packet-net.ts'
import { createWorld, type World } from '../../harness/proxy-world.ts'
import { waitFor } from '../../harness/wait.ts'

describe('a tunnel between nodes', () => {
  let world: World
  let nodes: [Host, Host]
  let podA: Host
  let podB: Host
  let proxies: RunningCommand[]

  before(
    async () => {
      ;({ world, nodes } = await createWorld())
      podA = await world.net.addPod(nodes[0], 1, 'pod-a', 11)
      podB = await world.net.addPod(nodes[1], 2, 'pod-b', 12)
      proxies = await Promise.all(nodes.map((node) => world.startProxy(node, ['--node-tunnel=always'])))
    },
    { timeout: 120_000 },
  )
  after(async () => world?.[Symbol.asyncDispose](), { timeout: 60_000 })

  const answered = (ip: string, wanted: string): Promise<unknown> =>
    waitFor(async () => (await world.net.ask(podA, { ip, port: 8080 })).includes(wanted), {
      what: `${wanted} from ${ip}`,
    })

  it('carries both families, and Pods see each other as they are', async () => {
    await answered(podB.ipv4, `pod-b ${podA.ipv4}`)
    await answered(podB.ipv6, `pod-b ${podA.ipv6}`)
    for (const family of ['-4', '-6'])
      assert.match(await nodes[0].run('ip', family, 'route', 'show', 'proto', '172'), /dev kubets\.vxlan/)
    const link = await nodes[0].run('ip', '-d', 'link', 'show', 'dev', 'kubets.vxlan')
    assert.match(link, /mtu 1450 /)
    assert.match(link, /dstport 8472/)
  })

  it('carries a megabyte each way in full segments', async () => {
    const size = 1_000_000
    const server = world.net.start(podB, '/usr/bin/python3', [
      '-uc',
      `import socket
s = socket.create_server(("::", 9000), family=socket.AF_INET6, dualstack_ipv6=True); print("ready")
while True:
    c, _ = s.accept(); data = b""
    while len(data) < ${size}: data += c.recv(65536)
    c.sendall(data); c.close()`,
    ])
    await server.until(/ready/)
    for (const ip of [podB.ipv4, podB.ipv6]) {
      const received = await podA.run(
        '/usr/bin/python3',
        '-c',
        `import socket
c = socket.create_connection(("${ip}", 9000), timeout=10); c.sendall(b"x" * ${size}); n = 0
while True:
    data = c.recv(65536)
    if not data: break
    n += len(data)
print(n)`,
      )
      assert.equal(Number(received), size)
    }
  })

  it('goes with --cleanup', async () => {
    proxies[0]?.child.kill('SIGTERM')
    await proxies[0]?.ended
    await answered(podB.ipv4, `pod-b ${podA.ipv4}`)
    await world.runProxy(nodes[0], ['--cleanup'])
    assert.doesNotMatch(await nodes[0].run('ip', 'link'), /kubets\.vxlan/)
    assert.equal(await nodes[0].run('nft', 'list', 'tables'), '')
  })
})
