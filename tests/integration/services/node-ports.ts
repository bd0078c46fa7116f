/** Node ports and the ports of health checks, as Services are created and changed. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { services } from '../../../api/resources.ts'
import type { RestClient } from '../../../client/rest/rest-client.ts'
import type { Running } from '../../harness/use-cluster.ts'
import { makeNamespace, refusal } from '../api-machinery/fixtures.ts'
import { allocatedPorts, aService, portsOf, type ServiceSpec, specOf } from './fixtures.ts'

export const describeNodePorts = (running: Running): void => {
  describe('node ports', () => {
    const namespace = 'ports'
    let client: RestClient

    before(async () => {
      client = running().client
      await makeNamespace(client, namespace)
    })

    const create = (name: string, spec: ServiceSpec) => client.create(services, aService(namespace, name, spec))
    const patch = (name: string, spec: Record<string, unknown>) =>
      client.patch(services, name, namespace, { spec }, { type: 'merge' })
    const numbers = ({ ports }: ServiceSpec): number[] => (ports ?? []).map(({ nodePort = 0 }) => nodePort)
    const taken = (): Promise<number[]> => allocatedPorts(running())

    it('come from the part that is not for people, and go with the Service', async () => {
      const service = await create('plain', { type: 'NodePort' })
      const [port = 0] = numbers(specOf(service))
      assert.ok(port >= 30086 && port <= 32767, String(port))
      assert.ok((await taken()).includes(port))
      await client.delete(services, 'plain', namespace)
      assert.ok(!(await taken()).includes(port))
    })

    it('are shared by TCP and UDP of one port, and asked for by either', async () => {
      const ports = [
        { name: 'tcp', port: 53, protocol: 'TCP' },
        { name: 'udp', port: 53, protocol: 'UDP', nodePort: 30053 },
      ]
      const service = await create('dns', { type: 'NodePort', ports })
      assert.deepEqual(numbers(specOf(service)), [30053, 30053])
    })

    it('are refused where they are taken, and nothing is kept', async () => {
      await create('first', { type: 'NodePort', ports: [{ port: 80, nodePort: 30080 }] })
      const before = await taken()
      const ports = [
        { name: 'a', port: 80 },
        { name: 'b', port: 81, nodePort: 30080 },
      ]
      const message = /spec\.ports\[1\]\.nodePort: Invalid value: 30080: provided port is already allocated/
      await assert.rejects(create('second', { type: 'NodePort', ports }), refusal('Invalid', message))
      assert.deepEqual(await taken(), before)
      // What was taken for the refused one is free with the answer.
      await create('third', { type: 'NodePort', ports: [{ port: 80, nodePort: 30081 }] })
      await assert.rejects(
        patch('third', { ports: [{ port: 80, nodePort: 30080 }] }),
        refusal('Invalid', /already allocated/),
      )
      assert.deepEqual(
        await taken(),
        [...before, 30081].toSorted((a, b) => a - b),
      )
    })

    it('move with a patch, and stay with the name of their port', async () => {
      await create('moves', { type: 'NodePort', ports: [{ name: 'web', port: 80, nodePort: 30090 }] })
      const kept = await patch('moves', { ports: [{ name: 'web', port: 8080 }] })
      assert.deepEqual(numbers(specOf(kept)), [30090])
      const moved = await patch('moves', { ports: [{ name: 'web', port: 8080, nodePort: 30091 }] })
      assert.deepEqual(numbers(specOf(moved)), [30091])
      assert.deepEqual(
        (await taken()).filter((port) => port === 30090 || port === 30091),
        [30091],
      )
      const plain = await patch('moves', { type: 'ClusterIP' })
      assert.deepEqual(numbers(specOf(plain)), [0])
      assert.ok(!(await taken()).includes(30091))
    })

    it('of a load balancer may be left out, one by one', async () => {
      const ports = [
        { name: 'a', port: 80 },
        { name: 'b', port: 81, nodePort: 30181 },
      ]
      const spec = { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false, ports }
      assert.deepEqual(numbers(specOf(await create('balanced', spec))), [0, 30181])
    })

    it('have one more for the health checks of a local load balancer', async () => {
      const spec: ServiceSpec = { type: 'LoadBalancer', externalTrafficPolicy: 'Local' }
      const service = await create('local', spec)
      const health = specOf(service).healthCheckNodePort ?? 0
      assert.ok(health !== 0 && (await taken()).includes(health))
      const message = new RegExp(
        `failed to allocate requested HealthCheck NodePort ${health}: provided port is already`,
      )
      await assert.rejects(create('other', { ...spec, healthCheckNodePort: health }), refusal('InternalError', message))
      const changed = await patch('local', { externalTrafficPolicy: 'Cluster' })
      assert.equal(specOf(changed).healthCheckNodePort, undefined)
      assert.ok(!(await taken()).includes(health))
      assert.equal(portsOf(changed).length, 1)
    })

    it('are looked at in a dry run, and not taken', async () => {
      const dry = { dryRun: true }
      await create('holder', { type: 'NodePort', ports: [{ port: 80, nodePort: 30099 }] })
      const before = await taken()
      const asking = aService(namespace, 'dry', { type: 'NodePort', ports: [{ port: 80, nodePort: 30099 }] })
      await assert.rejects(client.create(services, asking, dry), refusal('Invalid', /already allocated/))
      await client.create(services, aService(namespace, 'dry', { type: 'NodePort' }), dry)
      assert.deepEqual(await taken(), before)
    })
  })
}
