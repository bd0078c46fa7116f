/** Services while things break: flapping endpoints, a proxy that is killed at any moment, a node that is cut off. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Service } from '../../api/types.ts'
import type { RunningCommand } from '../harness/command.ts'
import type { Host, Sample } from '../harness/packet-net.ts'
import { createWorld, endpoint, podPort, type World } from '../harness/proxy-world.ts'
import { waitFor } from '../harness/wait.ts'

describe('Services while things break', () => {
  let world: World
  let nodes: [Host, Host]
  let podA: Host
  let podB: Host
  let podC: Host
  let caller: Host
  let proxies: RunningCommand[]
  let address = ''

  before(
    async () => {
      ;({ world, nodes } = await createWorld())
      podA = await world.net.addPod(nodes[0], 1, 'pod-a', 11)
      podB = await world.net.addPod(nodes[1], 2, 'pod-b', 12)
      podC = await world.net.addPod(nodes[1], 2, 'pod-c', 13)
      caller = await world.net.addPod(nodes[0], 1, 'caller', 20)
      proxies = await Promise.all(nodes.map((node) => world.startProxy(node)))
      const service = await makeService('web')
      address = service.spec?.clusterIP ?? ''
    },
    { timeout: 120_000 },
  )
  after(async () => world?.[Symbol.asyncDispose](), { timeout: 60_000 })

  const makeService = (name: string): Promise<Service> =>
    world.service(name, { ports: [{ port: 80, targetPort: podPort, protocol: 'TCP' }] } as Service['spec'])
  const steady = () => [endpoint(podA, nodes[0]), endpoint(podB, nodes[1])]
  const answers = async (from: Host, ip: string, wanted: readonly string[], timeoutMs = 30_000): Promise<void> => {
    await waitFor(
      async () => {
        const got = new Set(await world.net.ask(from, { ip, port: 80, count: 12, timeout: 0.5 }))
        const names = [...got].map((answer) => answer.split(' ')[0] ?? '')
        return assert.deepEqual(names.toSorted(), wanted) === undefined
      },
      { what: `${wanted.join(', ')} at ${ip}`, timeoutMs },
    )
  }

  /** The longest time, in milliseconds, without an answer of one of `pods`, from a question asked to the next answered. */
  const longestSilence = (samples: readonly Sample[], pods: readonly string[]): number => {
    const sorted = samples.toSorted((a, b) => a.at - b.at)
    let silentSince: number | undefined
    let longest = 0
    for (const { at, answer } of sorted) {
      if (pods.some((pod) => answer.startsWith(`${pod} `))) {
        if (silentSince !== undefined) longest = Math.max(longest, (at - silentSince) * 1000)
        silentSince = undefined
      } else silentSince ??= at
    }
    return longest
  }

  /** Changes the third endpoint some 17 times a second (1,000 times a minute) until it is told to stop. */
  const flap = async (stop: AbortSignal): Promise<number> => {
    let count = 0
    for (; !stop.aborted; count++) {
      const begin = performance.now()
      await world.endpoints('web', count % 2 === 0 ? [...steady(), endpoint(podC, nodes[1])] : steady())
      await delay(Math.max(0, 60 - (performance.now() - begin)))
    }
    await world.endpoints('web', steady())
    return count
  }

  it('lose no question at 1,000 flaps of an endpoint a minute', { timeout: 60_000 }, async () => {
    await world.endpoints('web', steady())
    await answers(caller, address, ['pod-a', 'pod-b'])
    const stop = new AbortController()
    const flapping = flap(stop.signal)
    const asking = world.net.rate(caller, { ip: address, port: 80, seconds: 12, hz: 50, timeout: 2 })
    const samples = await asking.finally(() => stop.abort())
    const flaps = await flapping
    assert.ok(flaps > 60, `only ${flaps} flaps`)
    assert.equal(samples.length, 600)
    assert.ok(samples.some(({ answer }) => answer.startsWith('pod-c ')))
    assert.ok(longestSilence(samples, ['pod-a', 'pod-b', 'pod-c']) < 1_000)
    // Rules change as a whole: there is no moment without an endpoint.
    const lost = samples.filter(({ answer }) => !answer.startsWith('pod-'))
    assert.ok(lost.length <= 3, JSON.stringify(lost.slice(0, 10)))
  })

  it('lose no question while their proxy is killed in the middle of its writes', { timeout: 90_000 }, async () => {
    const stop = new AbortController()
    const flapping = flap(stop.signal)
    const asking = world.net.rate(caller, { ip: address, port: 80, seconds: 20, hz: 25, timeout: 2 })
    try {
      for (let turn = 0; turn < 3; turn++) {
        const [proxy] = proxies
        assert.ok(proxy !== undefined)
        // Any moment of its start or its work.
        await delay(200 + turn * 370)
        proxy.child.kill('SIGKILL')
        await proxy.ended
        proxies[0] = await world.startProxy(nodes[0])
      }
      await asking
    } finally {
      stop.abort()
      await flapping
    }
    const samples = await asking
    assert.ok(longestSilence(samples, ['pod-a', 'pod-b', 'pod-c']) < 1_000)
    const lost = samples.filter(({ answer }) => !answer.startsWith('pod-'))
    assert.ok(lost.length <= 3, JSON.stringify(lost.slice(0, 10)))
    // And what changed while there was none is known to the one that came.
    await world.endpoints('web', [endpoint(podA, nodes[0])])
    await answers(caller, address, ['pod-a'])
    await world.endpoints('web', steady())
    await answers(caller, address, ['pod-a', 'pod-b'])
  })

  it('go on without a node that is cut off, which catches up when it is back', { timeout: 90_000 }, async () => {
    await world.net.setLink(nodes[1], 'down')
    // Its endpoints go, as the node lifecycle controller has it.
    await world.endpoints('web', [endpoint(podA, nodes[0])])
    await answers(caller, address, ['pod-a'])
    const samples = await world.net.rate(caller, { ip: address, port: 80, seconds: 3, hz: 25, timeout: 1 })
    assert.ok(longestSilence(samples, ['pod-a']) < 1_000)
    // On the other side all is as it was: its Pods reach each other by the rules that are there.
    const within = await world.net.ask(podC, { ip: address, port: 80, count: 20, timeout: 0.3 })
    assert.ok(within.includes(`pod-b ${podC.ipv4}`))
    const late = await makeService('late')
    await world.endpoints('late', [endpoint(podA, nodes[0]), endpoint(podC, nodes[1])])
    await world.net.setLink(nodes[1], 'up')
    await answers(podB, late.spec?.clusterIP ?? '', ['pod-a', 'pod-c'], 60_000)
    await answers(podB, address, ['pod-a'])
  })

  it('have a UDP client that never stops follow its endpoint', { timeout: 60_000 }, async () => {
    const spec = { ports: [{ port: 53, targetPort: podPort, protocol: 'UDP' }] } as Service['spec']
    const { spec: made } = await world.service('names', spec)
    await world.endpoints('names', [endpoint(podA, nodes[0])], { protocol: 'UDP' })
    const source = [
      '-uc',
      `import socket, time, json
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("", 5400)); s.settimeout(0.1)
while True:
    s.sendto(b"?", ("${made?.clusterIP}", 53))
    try: print(round(time.time(), 2), s.recv(99).decode(), flush=True)
    except OSError: pass
    time.sleep(0.02)`,
    ]
    await using client = world.net.start(caller, '/usr/bin/python3', source)
    await client.until(/pod-a/)
    const changedAt = Date.now() / 1000
    await world.endpoints('names', [endpoint(podC, nodes[1])], { protocol: 'UDP' })
    const found = await client.until(/([\d.]+) pod-c/)
    const took = Number(found[1]) - changedAt
    assert.ok(took < 1.5, `${took} s until the client was sent to the new endpoint`)
  })
})
