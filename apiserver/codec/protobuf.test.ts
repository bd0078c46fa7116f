import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { decodeProtobuf, readEnvelope } from './protobuf.ts'

type Write = (writer: BinaryWriter) => void

const nested = (writer: BinaryWriter, field: number, write: Write): void => {
  writer.tag(field, WireType.LengthDelimited).fork()
  write(writer)
  writer.join()
}
const text = (writer: BinaryWriter, field: number, value: string): void => {
  writer.tag(field, WireType.LengthDelimited).string(value)
}
const varint = (writer: BinaryWriter, field: number, value: number): void => {
  writer.tag(field, WireType.Varint).int32(value)
}

const enveloped = (apiVersion: string, kind: string, write: Write): Buffer => {
  const body = new BinaryWriter()
  write(body)
  const unknown = new BinaryWriter()
  nested(unknown, 1, (meta) => {
    text(meta, 1, apiVersion)
    text(meta, 2, kind)
  })
  unknown.tag(2, WireType.LengthDelimited).bytes(body.finish())
  return Buffer.concat([Buffer.from('k8s\0'), unknown.finish()])
}

describe('a protobuf body', () => {
  it('becomes the JSON that the client would have sent', () => {
    // Pod: metadata=1, spec=2; PodSpec: volumes=1, containers=2, restartPolicy=3, hostNetwork=11; Volume: name=1, source=2.
    const body = enveloped('v1', 'Pod', (pod) => {
      nested(pod, 1, (meta) => {
        text(meta, 1, 'p')
        text(meta, 2, '')
        nested(meta, 8, () => {})
        nested(meta, 11, (entry) => {
          text(entry, 1, '__proto__')
          text(entry, 2, 'x')
        })
      })
      nested(pod, 2, (spec) => {
        nested(spec, 1, (volume) => {
          text(volume, 1, 'v')
          nested(volume, 2, (source) => nested(source, 2, () => {}))
        })
        nested(spec, 2, (container) => {
          text(container, 1, 'c')
          nested(container, 6, (port) => {
            varint(port, 2, 0)
            varint(port, 3, 80)
          })
        })
        text(spec, 3, '')
        varint(spec, 4, 0)
        varint(spec, 11, 0)
      })
    })
    const labels: Record<string, string> = {}
    Object.defineProperty(labels, '__proto__', { value: 'x', enumerable: true })
    assert.deepEqual(decodeProtobuf(body, 'io.k8s.api.core.v1.Pod'), {
      kind: 'Pod',
      apiVersion: 'v1',
      metadata: { name: 'p', labels },
      spec: {
        // An embedded message is part of its object; zeros that are no pointers are gone, others are kept.
        volumes: [{ name: 'v', emptyDir: {} }],
        containers: [{ name: 'c', ports: [{ containerPort: 80 }] }],
        terminationGracePeriodSeconds: 0,
      },
    })
  })

  it('keeps the zero of a pointer', () => {
    const body = enveloped('apps/v1', 'Deployment', (deployment) => nested(deployment, 2, (spec) => varint(spec, 1, 0)))
    assert.deepEqual(decodeProtobuf(body, 'io.k8s.api.apps.v1.Deployment')['spec'], { replicas: 0 })
  })

  it('tells no more than its kind where that is another', () => {
    const body = enveloped('v1', 'Secret', (secret) => varint(secret, 1, 1))
    assert.deepEqual(decodeProtobuf(body, 'io.k8s.api.core.v1.Pod'), { kind: 'Secret', apiVersion: 'v1' })
  })

  it('is refused where a part is longer than its whole, of another type, or nested without end', () => {
    const pod = (write: Write) => () => decodeProtobuf(enveloped('v1', 'Pod', write), 'io.k8s.api.core.v1.Pod')
    assert.throws(
      pod((writer) => writer.tag(1, WireType.LengthDelimited).raw(new Uint8Array([9, 0]))),
      /unexpected EOF/,
    )
    assert.throws(
      pod((writer) => varint(writer, 1, 7)),
      /wrong wireType = 0 for field metadata/,
    )
    const schemas = (depth: number): Write =>
      depth === 0 ? () => {} : (writer) => nested(writer, 28, schemas(depth - 1))
    const definition = enveloped('apiextensions.k8s.io/v1', 'CustomResourceDefinition', (crd) =>
      nested(crd, 2, (spec) =>
        nested(spec, 7, (version) => nested(version, 4, (validation) => nested(validation, 1, schemas(1200)))),
      ),
    )
    assert.throws(
      () =>
        decodeProtobuf(definition, 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition'),
      /exceeded max depth/,
    )
  })

  it('is refused without its magic', () => {
    assert.throws(() => readEnvelope(Buffer.from('{"a":1}')), /does not appear to be a protobuf message/)
  })
})
