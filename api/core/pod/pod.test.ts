import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Container, ContainerStatus, Pod } from '../../types.ts'
import { podColumns, summarizePod } from './columns.ts'
import { setPodDefaults } from './defaults.ts'
import { gracefulDeletion, prepareForCreate } from './strategy.ts'
import { validatePod, validatePodUpdate } from './validation.ts'

const aPod = (spec: Partial<NonNullable<Pod['spec']>> = {}, status: Pod['status'] = {}): Pod => ({
  metadata: { name: 'web', namespace: 'default' },
  spec: { containers: [{ name: 'main', image: 'nginx:1.27' }], ...spec },
  status,
})

const defaulted = (pod: Pod): Pod => {
  setPodDefaults(pod)
  return pod
}

const lines = (pod: Pod): string[] => validatePod(pod).map(({ field, detail }) => `${field}: ${detail}`)

describe('defaults of a Pod', () => {
  it('fills spec and containers', () => {
    const { spec } = defaulted(aPod({ containers: [{ name: 'c', image: 'nginx', ports: [{ containerPort: 80 }] }] }))
    assert.deepEqual(spec, {
      containers: [
        {
          name: 'c',
          image: 'nginx',
          ports: [{ containerPort: 80, protocol: 'TCP' }],
          imagePullPolicy: 'Always',
          terminationMessagePath: '/dev/termination-log',
          terminationMessagePolicy: 'File',
          resources: {},
        },
      ],
      dnsPolicy: 'ClusterFirst',
      restartPolicy: 'Always',
      securityContext: {},
      terminationGracePeriodSeconds: 30,
      schedulerName: 'default-scheduler',
      enableServiceLinks: true,
    })
  })

  for (const [image, policy] of [
    ['nginx', 'Always'],
    ['nginx:latest', 'Always'],
    ['nginx:1.27', 'IfNotPresent'],
    ['registry:5000/nginx', 'Always'],
    ['registry:5000/a/nginx:v1', 'IfNotPresent'],
    [`nginx@sha256:${'a'.repeat(64)}`, 'IfNotPresent'],
    ['', 'IfNotPresent'],
  ] as const) {
    it(`pulls '${image}' ${policy}`, () => {
      const pod = defaulted(aPod({ containers: [{ name: 'c', image }] }))
      assert.equal(pod.spec?.containers[0]?.imagePullPolicy, policy)
    })
  }

  it('takes requests from limits, name by name', () => {
    const pod = defaulted(
      aPod({
        containers: [
          { name: 'c', image: 'a', resources: { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m' } } },
        ],
      }),
    )
    assert.deepEqual(pod.spec?.containers[0]?.resources?.requests, { cpu: '500m', memory: '1Gi' })
  })

  it('makes host ports of container ports on the host network', () => {
    const pod = defaulted(
      aPod({ hostNetwork: true, containers: [{ name: 'c', image: 'a', ports: [{ containerPort: 80 }] }] }),
    )
    assert.equal(pod.spec?.containers[0]?.ports?.[0]?.hostPort, 80)
  })

  it('makes an emptyDir of a volume without source', () => {
    const pod = defaulted(aPod({ volumes: [{ name: 'a' }, { name: 'b', configMap: { name: 'x' } }] }))
    assert.deepEqual(pod.spec?.volumes, [
      { name: 'a', emptyDir: {} },
      { name: 'b', configMap: { name: 'x', defaultMode: 420 } },
    ])
  })
})

describe('creation of a Pod', () => {
  it('starts Pending, with its quality of service', () => {
    const resources = { limits: { cpu: '1', memory: '1Gi' } }
    const pod = defaulted(aPod({ containers: [{ name: 'c', image: 'a', resources }] }, { phase: 'Running' }))
    prepareForCreate(pod)
    assert.deepEqual(pod.status, { phase: 'Pending', qosClass: 'Guaranteed' })
  })
})

describe('validation of a Pod', () => {
  const container = (change: Partial<Container>): Pod =>
    defaulted(aPod({ containers: [{ name: 'main', image: 'nginx:1.27', ...change }] }))
  const table: readonly (readonly [string, Pod, readonly string[]])[] = [
    ['a good one', defaulted(aPod()), []],
    ['no containers', defaulted(aPod({ containers: [] })), ['spec.containers: Required value']],
    ['no image', container({ image: '' }), ['spec.containers[0].image: Required value']],
    [
      'two of a name',
      defaulted(
        aPod({
          containers: [
            { name: 'a', image: 'x' },
            { name: 'a', image: 'x' },
          ],
        }),
      ),
      ['spec.containers[1].name: Duplicate value: "a"'],
    ],
    [
      'a port out of range',
      container({ ports: [{ containerPort: 65536 }] }),
      ['spec.containers[0].ports[0].containerPort: Invalid value: 65536: must be between 1 and 65535, inclusive'],
    ],
    [
      'more requested than allowed',
      container({ resources: { requests: { memory: '2Gi' }, limits: { memory: '1Gi' } } }),
      [
        'spec.containers[0].resources.requests: Invalid value: "2Gi": must be less than or equal to memory limit of 1Gi',
      ],
    ],
    [
      'a mount without volume',
      container({ volumeMounts: [{ name: 'data', mountPath: '/data' }] }),
      ['spec.containers[0].volumeMounts[0].name: Not found: "data"'],
    ],
    [
      'an unknown restart policy',
      defaulted(aPod({ restartPolicy: 'Sometimes' })),
      ['spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"'],
    ],
    [
      'a variable from nowhere',
      container({ env: [{ name: 'A', value: 'b', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }] }),
      ['spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty'],
    ],
    [
      'a probe without handler',
      container({ livenessProbe: {} }),
      ['spec.containers[0].livenessProbe: Required value: must specify a handler type'],
    ],
    [
      'a probe on an init container',
      defaulted(aPod({ initContainers: [{ name: 'i', image: 'a:1', livenessProbe: { exec: { command: ['a'] } } }] })),
      [
        'spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always',
      ],
    ],
  ]
  for (const [name, pod, expected] of table) it(name, () => assert.deepEqual(lines(pod), expected))
})

describe('update of a Pod', () => {
  const old = defaulted(aPod({ tolerations: [{ key: 'a', operator: 'Exists' }] }))
  const changed = (change: (spec: NonNullable<Pod['spec']>) => void): string[] => {
    const pod = structuredClone(old)
    if (pod.spec !== undefined) change(pod.spec)
    return validatePodUpdate(pod, old).map(({ field, detail }) => `${field}: ${detail.split('\n')[0]}`)
  }
  it('may change images and add tolerations', () => {
    assert.deepEqual(
      changed((spec) => {
        spec.containers[0] = { ...spec.containers[0], name: 'main', image: 'nginx:1.28' }
        spec.tolerations = [...(spec.tolerations ?? []), { key: 'b', operator: 'Exists' }]
        spec.activeDeadlineSeconds = 5
      }),
      [],
    )
  })
  it('may not take tolerations away', () => {
    assert.deepEqual(
      changed((spec) => (spec.tolerations = [])),
      ['spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds'],
    )
  })
  it('may not change anything else', () => {
    const [line = ''] = changed((spec) => (spec.hostNetwork = true))
    assert.match(line, /^spec: Forbidden: pod updates may not change fields other than `spec.containers\[\*\].image`,/)
  })
})

describe('graceful deletion of a Pod', () => {
  const running = aPod({ nodeName: 'n', terminationGracePeriodSeconds: 30 }, { phase: 'Running' })
  it("takes the Pod's own period", () => assert.equal(gracefulDeletion(running, undefined), 30))
  it('takes the requested one', () => assert.equal(gracefulDeletion(running, 5), 5))
  it('gives one second for a negative one', () => assert.equal(gracefulDeletion(running, -1), 1))
  it('is none for an unscheduled Pod', () => assert.equal(gracefulDeletion(aPod(), 30), 0))
  it('is none for a finished Pod', () => {
    assert.equal(gracefulDeletion({ ...running, status: { phase: 'Failed' } }, 30), 0)
  })
})

describe('columns of Pods', () => {
  const status = (name: string, change: Partial<ContainerStatus>): ContainerStatus => ({
    name,
    image: 'a',
    imageID: '',
    ready: false,
    restartCount: 0,
    ...change,
  })
  const two = [{ name: 'a' }, { name: 'b' }]
  const up = { ready: true, state: { running: {} } }
  const table: readonly (readonly [string, Pod, string, string])[] = [
    ['pending', aPod({}, { phase: 'Pending' }), '0/1', 'Pending'],
    [
      'running',
      aPod({ containers: two }, { phase: 'Running', containerStatuses: [status('a', up), status('b', up)] }),
      '2/2',
      'Running',
    ],
    [
      'crashing',
      aPod(
        {},
        {
          phase: 'Running',
          containerStatuses: [status('main', { state: { waiting: { reason: 'CrashLoopBackOff' } } })],
        },
      ),
      '0/1',
      'CrashLoopBackOff',
    ],
    [
      'failed without reason',
      aPod({}, { phase: 'Failed', containerStatuses: [status('main', { state: { terminated: { exitCode: 3 } } })] }),
      '0/1',
      'ExitCode:3',
    ],
    [
      'completed',
      aPod(
        {},
        {
          phase: 'Succeeded',
          containerStatuses: [status('main', { state: { terminated: { exitCode: 0, reason: 'Completed' } } })],
        },
      ),
      '0/1',
      'Completed',
    ],
    [
      'one done, one running',
      aPod(
        { containers: two },
        {
          phase: 'Running',
          conditions: [{ type: 'Ready', status: 'False' }],
          containerStatuses: [
            status('a', { state: { terminated: { exitCode: 0, reason: 'Completed' } } }),
            status('b', up),
          ],
        },
      ),
      '1/2',
      'NotReady',
    ],
    [
      'second init container',
      aPod(
        { initContainers: two },
        {
          phase: 'Pending',
          initContainerStatuses: [
            status('a', { state: { terminated: { exitCode: 0 } } }),
            status('b', { state: { running: {} } }),
          ],
        },
      ),
      '0/1',
      'Init:1/2',
    ],
    [
      'failing init container',
      aPod(
        { initContainers: two },
        { phase: 'Pending', initContainerStatuses: [status('a', { state: { waiting: { reason: 'ErrImagePull' } } })] },
      ),
      '0/1',
      'Init:ErrImagePull',
    ],
    [
      'with a sidecar',
      aPod(
        { initContainers: [{ name: 's', restartPolicy: 'Always' }] },
        {
          phase: 'Running',
          initContainerStatuses: [status('s', { ...up, started: true })],
          containerStatuses: [status('main', up)],
        },
      ),
      '2/2',
      'Running',
    ],
    [
      'gated',
      aPod(
        {},
        { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }] },
      ),
      '0/1',
      'SchedulingGated',
    ],
    ['evicted', aPod({}, { phase: 'Failed', reason: 'Evicted' }), '0/1', 'Evicted'],
  ]
  for (const [name, pod, ready, reason] of table) {
    it(name, () => {
      const summary = summarizePod(pod)
      assert.deepEqual([`${summary.ready}/${summary.total}`, summary.reason], [ready, reason])
    })
  }

  it('is Terminating once deletion began', () => {
    const pod = aPod({}, { phase: 'Running', containerStatuses: [status('main', up)] })
    pod.metadata = { ...pod.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' }
    assert.equal(summarizePod(pod).reason, 'Terminating')
  })

  it('tells when it restarted last', () => {
    const pod = aPod(
      {},
      {
        phase: 'Running',
        containerStatuses: [
          status('main', {
            ...up,
            restartCount: 2,
            lastState: { terminated: { exitCode: 1, finishedAt: '2026-01-01T00:00:00Z' } },
          }),
        ],
      },
    )
    const restarts = podColumns.find(({ name }) => name === 'Restarts')
    assert.equal(restarts?.cell(pod, new Date('2026-01-01T00:00:05Z')), '2 (5s ago)')
  })
})
