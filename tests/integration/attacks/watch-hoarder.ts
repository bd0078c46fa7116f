/** A client that opens many watches and reads none of them, while there is much to tell. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import { connect, type TLSSocket } from 'node:tls'
import type { TestCluster } from '../../harness/cluster.ts'
import { createHttp, type Http, pkiCredentials } from '../../harness/http.ts'
import { waitFor } from '../../harness/wait.ts'

const watches = 100
const writes = 40
const bytes = 300_000
const path = '/api/v1/namespaces/default/configmaps'
/** Made for each watch anew: bytes that watches share would hide how many wait. */
const table = 'application/json;as=Table;v=v1;g=meta.k8s.io'

export const describeWatchHoarder = (running: () => TestCluster): void => {
  describe('a hoarder of watches', () => {
    let http: Http
    const metric = async (name: string): Promise<number> => {
      const { text } = await http('/metrics')
      return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])
    }

    before(() => {
      http = createHttp(running(), pkiCredentials(running(), 'super-admin'))
    })

    it('cannot fill the memory: what it does not read is not kept for it', async () => {
      const { layout, server } = running()
      const { hostname: host, port } = new URL(server)
      const read = (name: string): string => readFileSync(join(layout.pki, name), 'utf8')
      const identity = { ca: read('ca.crt'), cert: read('super-admin.crt'), key: read('super-admin.key') }
      const hoarded: TLSSocket[] = []
      try {
        for (let i = 0; i < watches; i++) {
          const socket = connect({ host, port: Number(port), ...identity, ALPNProtocols: ['http/1.1'] })
          socket.on('error', () => {})
          hoarded.push(socket)
          await once(socket, 'secureConnect')
          socket.write(`GET ${path}?watch=1&includeObject=Object HTTP/1.1\r\nHost: x\r\nAccept: ${table}\r\n\r\n`)
          socket.pause()
        }
        const before = await metric('process_resident_memory_bytes')
        const body = (text: string) => ({ metadata: { name: 'hoarded' }, data: { text } })
        assert.equal((await http(path, { method: 'POST', body: body('') })).code, 201)
        for (let i = 0; i < writes; i++) {
          const answer = await http(`${path}/hoarded`, { method: 'PUT', body: body(`${i}`.padEnd(bytes, 'x')) })
          assert.equal(answer.code, 200)
        }
        const kept = (await metric('process_resident_memory_bytes')) - before
        // All of it would be 1.2 GB.
        assert.ok(kept < 300_000_000, `${kept} bytes more`)
        assert.equal((await http('/livez')).code, 200)
      } finally {
        for (const socket of hoarded) socket.destroy()
      }
      const ofPods = 'apiserver_longrunning_requests{'
      await waitFor(
        async () => {
          const { text } = await http('/metrics')
          const lines = text.split('\n').filter((line) => line.startsWith(ofPods) && line.includes('"configmaps"'))
          return lines.every((line) => Number(line.split(' ').at(-1)) < watches)
        },
        { what: 'the watches to end' },
      )
    })
  })
}
