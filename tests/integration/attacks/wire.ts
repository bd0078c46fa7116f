/** On the wire: no plain text, no old protocol, no weak cipher, at any door. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, connect as connectTcp } from 'node:net'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import { connect, type ConnectionOptions, createServer } from 'node:tls'
import { addressAt } from '../../../deploy/cidr.ts'
import type { TestCluster } from '../../harness/cluster.ts'
import { aStranger, inNamespace, loopbackHears } from './stranger.ts'

interface Door {
  readonly host: string
  readonly port: number
}

const oldVersions = ['TLSv1', 'TLSv1.1'] as const
/** Without encryption, without a certificate, and with CBC and SHA-1. */
const weakCiphers = ['eNULL', 'AECDH', 'ECDHE+AES+SHA1']

/** Without this OpenSSL would not even offer what is old. */
const atAnyLevel = (ciphers: string): string => `${ciphers}:@SECLEVEL=0`
const only = (version: (typeof oldVersions)[number]): ConnectionOptions => ({
  minVersion: version,
  maxVersion: version,
  ciphers: atAnyLevel('ALL'),
})
const weakly = (ciphers: string): ConnectionOptions => ({ maxVersion: 'TLSv1.2', ciphers: atAnyLevel(ciphers) })

/** The protocol that is agreed on; rejects where there is none. */
const handshake = async ({ host, port }: Door, options: ConnectionOptions): Promise<string | null> => {
  const socket = connect({ host, port, rejectUnauthorized: false, ...options })
  try {
    await once(socket, 'secureConnect')
    return socket.getProtocol()
  } finally {
    socket.destroy()
  }
}

export const describeWire = (running: () => TestCluster): void => {
  describe('the wire', () => {
    let doors: Readonly<Record<string, Door>> = {}
    let identity: { readonly cert: string; readonly key: string }
    let server: { readonly cert: string; readonly key: string }

    before(() => {
      const { layout, config, nodes, server: url } = running()
      const { etcdPort, controllerManagerPort, schedulerPort } = config().controlPlane
      const host = '127.0.0.1'
      const pair = (name: string) => ({
        cert: readFileSync(join(layout.pki, `${name}.crt`), 'utf8'),
        key: readFileSync(join(layout.pki, `${name}.key`), 'utf8'),
      })
      identity = pair('apiserver-etcd-client')
      server = pair('apiserver')
      doors = {
        'the API server': { host, port: Number(new URL(url).port) },
        etcd: { host, port: etcdPort },
        'the controller manager': { host, port: controllerManagerPort },
        'the scheduler': { host, port: schedulerPort },
        'the kubelet': { host: nodes()[0]?.address ?? '', port: 10_250 },
      }
    })

    it('is tried by a client that could speak what is refused', async () => {
      const lax = createServer({ ...server, minVersion: 'TLSv1', ciphers: atAnyLevel('ALL:eNULL:AECDH') })
      await new Promise<void>((resolve) => lax.listen(0, '127.0.0.1', resolve))
      try {
        const door = { host: '127.0.0.1', port: (lax.address() as AddressInfo).port }
        for (const version of oldVersions) assert.equal(await handshake(door, only(version)), version)
        for (const ciphers of weakCiphers) assert.equal(await handshake(door, weakly(ciphers)), 'TLSv1.2')
      } finally {
        lax.close()
      }
    })

    it('takes no plain HTTP at a port of TLS', async () => {
      for (const [name, { host, port }] of Object.entries(doors)) {
        const socket = connectTcp(port, host)
        let answer = ''
        socket.setEncoding('latin1').on('data', (chunk: string) => {
          answer += chunk
        })
        socket.on('error', () => {})
        socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')
        await once(socket, 'close')
        assert.doesNotMatch(answer, /^HTTP\/1\.1 200|ok$/, name)
      }
    })

    it('has no TLS before 1.2', async () => {
      for (const [name, door] of Object.entries(doors)) {
        for (const version of oldVersions)
          await assert.rejects(handshake(door, { ...identity, ...only(version) }), `${name} ${version}`)
        assert.equal(await handshake(door, { ...identity, maxVersion: 'TLSv1.2' }), 'TLSv1.2', name)
        assert.equal(await handshake(door, identity), 'TLSv1.3', name)
      }
    })

    it('leads nobody to the loopback address of a node (CVE-2020-8558)', async () => {
      const { name, networking } = running().config()
      const [node] = running().nodes()
      const victim = `${name}-${node?.name}`
      // Another host on the nodes' network, which sends what is for 127.0.0.1 to the node.
      await using stranger = await aStranger(`${name}0`, addressAt(networking.nodeCIDR, 200), node?.address ?? '')
      const hears = (): Promise<boolean> => loopbackHears(victim, stranger.namespace)
      assert.equal(await hears(), false, 'as it is')
      // Not the kernel's doing alone: somebody may have told it to route there.
      await inNamespace(victim, 'sysctl', '-qw', 'net.ipv4.conf.all.route_localnet=1')
      try {
        assert.equal(await hears(), false, 'with route_localnet')
        await inNamespace(victim, 'nft', 'flush', 'chain', 'ip', 'kubelet-firewall', 'input')
        assert.equal(await hears(), true, 'without both: this test could see it')
      } finally {
        await inNamespace(victim, 'sysctl', '-qw', 'net.ipv4.conf.all.route_localnet=0')
      }
    })

    it('has no cipher that is weak', async () => {
      for (const [name, door] of Object.entries(doors)) {
        for (const ciphers of weakCiphers)
          await assert.rejects(handshake(door, { ...identity, ...weakly(ciphers) }), `${name} ${ciphers}`)
      }
    })
  })
}
