/** What the subresources that change one part of a Pod let through. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { FieldError } from '../../meta/field-error.ts'
import type { Container, Pod, PodSpec } from '../../types.ts'
import { setPodDefaults } from './defaults.ts'
import { validateEphemeralContainersUpdate } from './ephemeral-containers.ts'
import { resizedContainers, validatePodResize } from './resize.ts'
import { prepareForCreate } from './strategy.ts'

const main: Container = {
  name: 'main',
  image: 'a:1',
  resources: { requests: { cpu: '1', memory: '1Gi' }, limits: { cpu: '2', memory: '1Gi' } },
}

const stored = (spec: Partial<PodSpec>, change: Partial<Pod> = {}): Pod => {
  const pod: Pod = { metadata: { name: 'p', namespace: 'default' }, spec: { containers: [main], ...spec } }
  setPodDefaults(pod)
  prepareForCreate(pod)
  return { ...pod, ...change }
}

const lines = (errors: readonly FieldError[]): string[] => errors.map(({ field, detail }) => `${field}: ${detail}`)

describe('resize of a Pod', () => {
  const resize = (old: Pod, containers: Container[], initContainers?: Container[]): string[] => {
    const pod = structuredClone(old)
    assert.ok(pod.spec)
    pod.spec.containers = resizedContainers(containers, old.spec?.containers) ?? []
    if (initContainers !== undefined) {
      pod.spec.initContainers = resizedContainers(initContainers, old.spec?.initContainers) ?? []
    }
    setPodDefaults(pod)
    return lines(validatePodResize(pod, old))
  }
  const asking = (requests: Record<string, string>, limits: Record<string, string>): Container => ({
    name: 'main',
    resources: { requests, limits },
  })
  const limits = { cpu: '2', memory: '1Gi' }
  const table: readonly (readonly [string, Container[], readonly string[]])[] = [
    ['more of both', [asking({ cpu: '2', memory: '2Gi' }, { cpu: '3', memory: '2Gi' })], []],
    ['nothing but resources is looked at', [{ ...asking({ cpu: '1', memory: '1Gi' }, limits), image: 'b' }], []],
    [
      'a negative amount',
      [asking({ cpu: '-5', memory: '1Gi' }, limits)],
      ['spec.containers[0].resources.requests[cpu]: Invalid value: "-5": must be greater than or equal to 0'],
    ],
    [
      'more requested than allowed',
      [asking({ cpu: '3', memory: '1Gi' }, limits)],
      ['spec.containers[0].resources.requests: Invalid value: "3": must be less than or equal to cpu limit of 2'],
    ],
    [
      'another quality of service',
      [asking({ cpu: '2', memory: '1Gi' }, limits)],
      ['spec: Invalid value: "Burstable": Pod QOS Class may not change as a result of resizing'],
    ],
    [
      'a request taken away',
      [asking({ memory: '1Gi' }, { memory: '1Gi' })],
      [
        'spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed',
        'spec.containers[0].resources.limits: Forbidden: resource limits cannot be removed',
      ],
    ],
    [
      'another resource',
      [asking({ cpu: '1', memory: '1Gi', 'ephemeral-storage': '1Gi' }, limits)],
      ['spec: Forbidden: only cpu and memory resources are mutable'],
    ],
    [
      'another name',
      [{ ...main, name: 'other', terminationMessagePolicy: 'File', imagePullPolicy: 'Always' }],
      ['spec.containers[0].name: Forbidden: containers may not be renamed or reordered on resize'],
    ],
    [
      'one more',
      [main, { ...main, name: 'other', terminationMessagePolicy: 'File', imagePullPolicy: 'Always' }],
      ['spec.containers: Forbidden: containers may not be added or removed on resize'],
    ],
  ]
  for (const [name, containers, expected] of table) {
    it(`${expected.length === 0 ? 'takes' : 'refuses'} ${name}`, () =>
      assert.deepEqual(resize(stored({}), containers), expected))
  }

  it('refuses static Pods, and nodes that cannot', () => {
    const mirror = stored({ nodeName: 'n' })
    mirror.metadata = { ...mirror.metadata, annotations: { 'kubernetes.io/config.mirror': 'x' } }
    assert.deepEqual(resize(mirror, [main]), [': Forbidden: static pods cannot be resized'])
    const silent = stored({})
    silent.status = {
      ...silent.status,
      containerStatuses: [
        { name: 'main', image: 'a:1', imageID: '', ready: true, restartCount: 0, state: { running: {} } },
      ],
    }
    assert.deepEqual(resize(silent, [main]), ['spec: Forbidden: Pod running on node without support for resize'])
  })

  it('refuses init containers that would have to restart', () => {
    const init: Container = {
      ...main,
      name: 'init',
      resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'RestartContainer' }],
    }
    const bigger = { ...init, resources: { requests: { cpu: '1500m', memory: '1Gi' }, limits } }
    assert.deepEqual(resize(stored({ initContainers: [init] }), [main], [bigger]), [
      'spec.initContainers[0]: Forbidden: non-sidecar init containers with a resize policy of RestartContainer cannot be resized',
    ])
  })
})

describe('ephemeral containers of a Pod', () => {
  type Ephemeral = NonNullable<PodSpec['ephemeralContainers']>[number]
  const update = (after: Ephemeral[], before: Ephemeral[] = []): string[] => {
    const old = stored({})
    if (old.spec !== undefined && before.length > 0) old.spec.ephemeralContainers = before
    setPodDefaults(old)
    const pod = structuredClone(old)
    if (pod.spec !== undefined) pod.spec.ephemeralContainers = structuredClone(after)
    setPodDefaults(pod)
    return lines(validateEphemeralContainersUpdate(pod, old))
  }
  const debug: Ephemeral = { name: 'debug', image: 'b:1', targetContainerName: 'main' }
  const at = 'spec.ephemeralContainers[0]'
  const table: readonly (readonly [string, Ephemeral, readonly string[]])[] = [
    ['a good one', debug, []],
    ['no image', { ...debug, image: '' }, [`${at}.image: Required value`]],
    ['a taken name', { ...debug, name: 'main' }, [`${at}.name: Duplicate value: "main"`]],
    [
      'an unknown target',
      { ...debug, targetContainerName: 'nobody' },
      [`${at}.targetContainerName: Not found: "nobody"`],
    ],
    [
      'fields of the workload',
      { ...debug, ports: [{ containerPort: 80 }], resources: { limits: { cpu: '1' } } },
      ['ports', 'resources'].map((field) => `${at}.${field}: Forbidden: cannot be set for an Ephemeral Container`),
    ],
  ]
  for (const [name, container, expected] of table) {
    it(`${expected.length === 0 ? 'takes' : 'refuses'} ${name}`, () => assert.deepEqual(update([container]), expected))
  }

  it('stay as they are', () => {
    assert.deepEqual(update([debug], [debug]), [])
    assert.deepEqual(update([], [debug]), [
      'spec.ephemeralContainers: Forbidden: existing ephemeral containers "debug" may not be removed\n',
    ])
    assert.deepEqual(update([{ ...debug, image: 'c:1' }], [debug]), [
      'spec.ephemeralContainers: Forbidden: existing ephemeral containers "debug" may not be changed\n',
    ])
  })
})
