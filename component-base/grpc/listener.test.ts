import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:http2'
import { describe, it } from 'node:test'
import { createCa, issueCertificate } from '../pki/certificates.ts'
import { listen } from './listener.ts'
import { createGrpcServer } from './server.ts'

describe('a listener with TLS', () => {
  it('takes a first request that is large and comes before the SETTINGS are settled', async () => {
    const ca = await createCa('test')
    const { certPem, keyPem } = await issueCertificate(ca, {
      commonName: 'server',
      ips: ['127.0.0.1'],
      usages: ['server'],
      days: 1,
    })
    const http2 = createGrpcServer({
      implementations: [],
      onHttpStream: (stream) => {
        let received = 0
        stream.on('data', (chunk: Buffer) => {
          received += chunk.length
        })
        stream.on('end', () => {
          stream.respond({ ':status': 200 })
          stream.end(String(received))
        })
      },
    })
    const listener = await listen({
      host: '127.0.0.1',
      port: 0,
      tls: { cert: certPem, key: keyPem },
      http2,
      http1: () => {},
    })
    try {
      // Several, because what it guards against depends on the moment.
      for (let n = 0; n < 8; n++) {
        const session = connect(`https://127.0.0.1:${listener.port}`, { ca: ca.certPem })
        const stream = session.request({ ':method': 'POST', ':path': '/' })
        stream.end(Buffer.alloc(400_000))
        let text = ''
        stream.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk
        })
        await once(stream, 'end')
        assert.equal(text, '400000')
        session.destroy()
      }
    } finally {
      await listener.close(0)
    }
  })
})
