import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { KindDefinition } from '../kind.ts'
import type { Deployment, KubeObject, StatefulSet } from '../types.ts'
import { daemonSetKind } from './daemon-set.ts'
import { deploymentKind } from './deployment.ts'
import { replicaSetKind } from './replica-set.ts'
import { statefulSetKind } from './stateful-set.ts'

const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'nginx:1' }] } }
const selector = { matchLabels: { app: 'web' } }

const made = <T extends KubeObject>(kind: KindDefinition, spec: unknown): T => {
  const object: KubeObject = { metadata: { name: 'web', namespace: 'default' }, spec: structuredClone(spec) }
  kind.setDefaults?.(object)
  return object as T
}

const lines = (errors: readonly { field: string; detail: string }[] | undefined): string[] =>
  (errors ?? []).map(({ field, detail }) => `${field}: ${detail}`)

describe('workloads', () => {
  for (const kind of [deploymentKind, replicaSetKind, statefulSetKind, daemonSetKind]) {
    it(`${kind.kind}: a plain one is valid`, () => {
      assert.deepEqual(lines(kind.validate?.(made(kind, { selector, template }))), [])
    })
    it(`${kind.kind}: the selector must match the template`, () => {
      const object = made(kind, { selector: { matchLabels: { app: 'other' } }, template })
      assert.deepEqual(lines(kind.validate?.(object)), [
        'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`',
      ])
    })
    it(`${kind.kind}: Pods restart always`, () => {
      const object = made(kind, {
        selector,
        template: { ...template, spec: { ...template.spec, restartPolicy: 'Never' } },
      })
      assert.deepEqual(lines(kind.validate?.(object)), [
        'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
      ])
    })
  }
})

describe('a Deployment', () => {
  it('gets defaults', () => {
    const { spec } = made<Deployment>(deploymentKind, { selector, template })
    const { replicas, strategy, revisionHistoryLimit, progressDeadlineSeconds } = spec ?? {}
    assert.deepEqual(
      { replicas, strategy, revisionHistoryLimit, progressDeadlineSeconds },
      {
        replicas: 1,
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' } },
        revisionHistoryLimit: 10,
        progressDeadlineSeconds: 600,
      },
    )
  })

  it('keeps its selector', () => {
    const old = made(deploymentKind, { selector, template })
    const next = made(deploymentKind, { selector: { matchLabels: { app: 'web', more: 'x' } }, template })
    assert.deepEqual(lines(deploymentKind.validateUpdate?.(next, old)), [
      'spec.selector: Invalid value: {"matchLabels":{"app":"web","more":"x"}}: field is immutable',
    ])
  })

  it('must be able to move', () => {
    const rollingUpdate = { maxUnavailable: 0, maxSurge: 0 }
    const object = made(deploymentKind, { selector, template, strategy: { type: 'RollingUpdate', rollingUpdate } })
    assert.deepEqual(lines(deploymentKind.validate?.(object)), [
      'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0',
    ])
  })
})

describe('a StatefulSet', () => {
  const claim = {
    metadata: { name: 'data' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  }
  const old = made<StatefulSet>(statefulSetKind, {
    selector,
    template,
    serviceName: 'web',
    volumeClaimTemplates: [claim],
  })

  it('may be scaled', () => {
    const next = structuredClone(old)
    if (next.spec !== undefined) next.spec.replicas = 5
    assert.deepEqual(lines(statefulSetKind.validateUpdate?.(next, old)), [])
  })

  it('may not change its service', () => {
    const next = structuredClone(old)
    if (next.spec !== undefined) next.spec.serviceName = 'other'
    assert.match(
      lines(statefulSetKind.validateUpdate?.(next, old))[0] ?? '',
      /^spec: Forbidden: updates to statefulset spec/,
    )
  })
})
