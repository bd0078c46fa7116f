import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { dump } from 'js-yaml'
import { parseFlags } from '../../component-base/flags/flags.ts'
import { kubeletFlags } from '../options.ts'
import { type KubeletConfig, toConfig } from './config.ts'
import { configFields } from './fields.ts'

const folder = mkdtempSync(join(tmpdir(), 'kubelet-config-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const header = { apiVersion: 'kubelet.config.k8s.io/v1beta1', kind: 'KubeletConfiguration' }
let count = 0

const write = (path: string, fields: object): string => {
  writeFileSync(path, dump({ ...header, ...fields }))
  return path
}

const load = (fields: object, ...args: readonly string[]): KubeletConfig => {
  const path = write(join(folder, `${count++}.yaml`), fields)
  return toConfig(parseFlags(kubeletFlags, [`--config=${path}`, ...args], { name: 'kubelet', version: 'v1.36.0' }))
}

const dropIns = (files: Readonly<Record<string, object>>): string => {
  const path = join(folder, `${count++}.d`)
  for (const [name, fields] of Object.entries(files)) {
    mkdirSync(join(path, name, '..'), { recursive: true })
    write(join(path, name), fields)
  }
  return `--config-dir=${path}`
}

describe('the configuration of the kubelet', () => {
  it('has upstream defaults, all of them in /configz', () => {
    const { document, warnings, maxPods } = load({})
    assert.deepEqual(warnings, [])
    assert.equal(maxPods, 110)
    assert.equal(document['nodeStatusReportFrequency'], '5m0s')
    assert.deepEqual(document['authentication'], {
      webhook: { enabled: true, cacheTTL: '2m0s' },
      anonymous: { enabled: false },
    })
    assert.deepEqual(document['evictionHard'], {
      'memory.available': '100Mi',
      'nodefs.available': '10%',
      'nodefs.inodesFree': '5%',
      'imagefs.available': '15%',
      'imagefs.inodesFree': '5%',
    })
    for (const [path, field] of configFields) {
      if (field.default === undefined) continue
      const shown = path.split('.').reduce<unknown>((at, part) => (at as Record<string, unknown>)[part], document)
      if (path !== 'evictionHard') assert.deepEqual(shown, field.default, path)
    }
  })

  it('takes a zero for nothing said, but where nothing is a value', () => {
    const { document, eventRate } = load({ maxPods: 0, eventRecordQPS: 0, syncFrequency: '0s', eventBurst: 0 })
    assert.equal(document['maxPods'], 110)
    assert.equal(document['syncFrequency'], '1m0s')
    assert.deepEqual(eventRate, { qps: 0, burst: 100 })
  })

  it('lets flags win over files, zeros too', () => {
    const config = load(
      { maxPods: 20, evictionHard: { 'memory.available': '1Gi' }, streamingConnectionIdleTimeout: '5m' },
      '--max-pods=30',
      '--eviction-hard=memory.available<2Gi,nodefs.available<1%',
      '--streaming-connection-idle-timeout=0',
    )
    assert.equal(config.maxPods, 30)
    assert.deepEqual(config.evictionHard, { 'memory.available': '2Gi', 'nodefs.available': '1%' })
    assert.equal(config.streamingIdleTimeoutMs, 0)
  })

  it('merges drop-ins over the file: only .conf, by name, objects merged and lists replaced', () => {
    const config = load(
      { maxPods: 1, podsPerCore: 1, clusterDNS: ['10.0.0.1'], evictionHard: { 'memory.available': '1Gi' } },
      dropIns({
        '10-first.conf': { maxPods: 10, clusterDNS: ['10.0.0.2', '10.0.0.3'] },
        '20-last.conf': { maxPods: 20, evictionHard: { 'nodefs.available': '7%' } },
        '15-inner/a.conf': { maxPods: 15, podsPerCore: 15 },
        '30-other.yaml': { maxPods: 30 },
      }),
    )
    assert.equal(config.maxPods, 20)
    assert.equal(config.podsPerCore, 15)
    assert.deepEqual(config.clusterDNS, ['10.0.0.2', '10.0.0.3'])
    assert.deepEqual(config.evictionHard, { 'memory.available': '1Gi', 'nodefs.available': '7%' })
  })

  it('completes thresholds with the defaults where it is asked to', () => {
    const hard = { 'memory.available': '1Gi' }
    assert.deepEqual(load({ evictionHard: hard }).evictionHard, hard)
    const merged = load({ evictionHard: hard, mergeDefaultEvictionSettings: true }).evictionHard
    assert.equal(merged['memory.available'], '1Gi')
    assert.equal(merged['nodefs.available'], '10%')
  })

  it('reads paths of a file as relative to it', () => {
    assert.equal(load({ staticPodPath: 'manifests' }).staticPodPath, join(folder, 'manifests'))
  })

  it('tells of unknown fields, and of those that have no effect', () => {
    const { warnings } = load({ nonsense: 1, authentication: { webhook: { foo: 1 } }, hairpinMode: 'none' })
    assert.deepEqual(
      warnings,
      [
        'Using lenient decoding as strict decoding failed: strict decoding error: unknown field "authentication.webhook.foo"',
        'Using lenient decoding as strict decoding failed: strict decoding error: unknown field "nonsense"',
        'hairpinMode has no effect: the CNI plugin decides it, as it does upstream',
      ].toSorted((a, b) => warnings.indexOf(a) - warnings.indexOf(b)),
    )
  })

  it('makes one list of both ways to say how long a shutdown may take', () => {
    assert.deepEqual(load({ shutdownGracePeriod: '30s', shutdownGracePeriodCriticalPods: '10s' }).shutdownGrace, [
      { priority: 0, graceSeconds: 20 },
      { priority: 2_000_000_000, graceSeconds: 10 },
    ])
    assert.deepEqual(load({}).shutdownGrace, [])
  })

  it('reserves the CPUs that are named', () => {
    const { reserved } = load({
      reservedSystemCPUs: '0-1,7',
      systemReserved: { cpu: '1', memory: '1Gi' },
      kubeReserved: { cpu: '2' },
    })
    assert.deepEqual(reserved, [{ cpu: '3', memory: '1Gi' }, {}])
  })

  const invalid: readonly (readonly [object, string])[] = [
    [{ nodeLeaseDurationSeconds: -1 }, 'nodeLeaseDurationSeconds must be greater than 0'],
    [{ healthzPort: 70_000 }, 'healthzPort (--healthz-port) 70000 must be between 1 and 65535, inclusive'],
    [{ port: -5 }, 'port (--port) -5 must be between 1 and 65535, inclusive'],
    [{ maxPods: -1 }, 'maxPods (--max-pods) -1 must not be a negative number'],
    [{ oomScoreAdj: 2000 }, 'oomScoreAdj (--oom-score-adj) 2000 must be between -1000 and 1000, inclusive'],
    [
      { imageGCLowThresholdPercent: 90 },
      'imageGCLowThresholdPercent (--image-gc-low-threshold) 90 must be less than imageGCHighThresholdPercent (--image-gc-high-threshold) 85',
    ],
    [
      { serializeImagePulls: true, maxParallelImagePulls: 3 },
      'maxParallelImagePulls cannot be larger than 1 unless SerializeImagePulls (--serialize-image-pulls) is set to false',
    ],
    [{ runOnce: true }, 'runOnce (--runOnce) true, Runonce mode has been deprecated and should not be set'],
    [
      { topologyManagerPolicy: 'best' },
      'topologyManagerPolicy (--topology-manager-policy) "best" must be one of: ["none" "best-effort" "restricted" "single-numa-node"]',
    ],
    [
      { shutdownGracePeriod: '10s', shutdownGracePeriodCriticalPods: '20s' },
      'shutdownGracePeriodCriticalPods 20s must be <= shutdownGracePeriod 10s',
    ],
    [{ shutdownGracePeriod: '500ms' }, 'shutdownGracePeriod 500ms must be either zero or otherwise >= 1 sec'],
    [
      { memorySwap: { swapBehavior: 'All' } },
      'memorySwap.swapBehavior "All" must be one of: "", "LimitedSwap" or "NoSwap"',
    ],
    [
      { crashLoopBackOff: { maxContainerRestartPeriod: '10m' } },
      'CrashLoopBackOff.MaxContainerRestartPeriod (got: 600 seconds) must be set between 1s and 300s',
    ],
    [
      { enforceNodeAllocatable: ['pods', 'all'] },
      'option "all" specified for enforceNodeAllocatable (--enforce-node-allocatable). Valid options are "pods", "system-reserved", "system-reserved-compressible", "kube-reserved", "kube-reserved-compressible" or "none"',
    ],
    [
      { enforceNodeAllocatable: ['kube-reserved'] },
      'kubeReservedCgroup (--kube-reserved-cgroup) must be specified when "kube-reserved" or "kube-reserved-compressible" included in enforceNodeAllocatable (--enforce-node-allocatable)',
    ],
    [
      { cgroupsPerQOS: false },
      'cgroupsPerQOS (--cgroups-per-qos) must be set to true when "pods" contained in enforceNodeAllocatable (--enforce-node-allocatable)',
    ],
    [
      { reservedSystemCPUs: '0-x' },
      'unable to parse reservedSystemCPUs (--reserved-cpus) 0-x, error: strconv.Atoi: parsing "x": invalid syntax',
    ],
    [{ containerLogMaxFiles: 1 }, 'containerLogMaxFiles must be greater than 1'],
    [{ podLogsDir: 'logs' }, 'pod logs path "logs" must be absolute path'],
    [{ enableSystemLogQuery: true }, 'NodeLogQuery feature gate is required for enableSystemLogQuery'],
    [
      { cpuCFSQuotaPeriod: '10ms' },
      'cpuCFSQuotaPeriod (--cpu-cfs-quota-period) 10ms requires feature gate CustomCPUCFSQuotaPeriod',
    ],
    [{ registerWithTaints: [{ key: 'a', effect: 'Some' }] }, 'invalid taint: {a  Some <nil>}'],
  ]
  for (const [fields, message] of invalid) {
    it(`refuses ${JSON.stringify(fields)}`, () => {
      assert.throws(() => load(fields), {
        message: `failed to validate kubelet configuration, error: invalid configuration: ${message}`,
      })
    })
  }

  it('names all that is wrong at once', () => {
    assert.throws(() => load({ maxPods: -1, podsPerCore: -1 }), {
      message:
        'failed to validate kubelet configuration, error: [invalid configuration: maxPods (--max-pods) -1 must not be a negative number, invalid configuration: podsPerCore (--pods-per-core) -1 must not be a negative number]',
    })
  })

  const refused: readonly (readonly [object, readonly string[], string])[] = [
    [
      { maxPods: 'many' },
      [],
      'json: cannot unmarshal string into Go struct field KubeletConfiguration.maxPods of type int32',
    ],
    [{ syncFrequency: '10' }, [], 'syncFrequency: time: missing unit in duration "10"'],
    [
      { cpuManagerPolicy: 'static' },
      [],
      'cpuManagerPolicy: "static" is not implemented by kubets: only the policy none is implemented by kubets',
    ],
    [
      { readOnlyPort: 10_255 },
      [],
      'readOnlyPort: 10255 is not implemented by kubets: the read-only port is not served',
    ],
    [{}, ['--read-only-port=1'], 'readOnlyPort: 1 is not implemented by kubets: the read-only port is not served'],
    [{ featureGates: { Nonsense: true } }, [], 'unrecognized feature gate: Nonsense'],
    [
      { featureGates: { SidecarContainers: false } },
      [],
      'cannot set feature gate SidecarContainers to false, feature is locked to true',
    ],
    [{ evictionHard: { 'cpu.available': '1' } }, [], 'unsupported eviction signal cpu.available'],
    [
      { evictionHard: { 'memory.available': '-1Gi' } },
      [],
      'eviction threshold memory.available must be positive: -1Gi',
    ],
    [
      { evictionSoft: { 'memory.available': '10%' } },
      [],
      'grace period must be specified for the soft eviction threshold memory.available',
    ],
    [
      {},
      ['--eviction-hard=memory.available=1Gi'],
      'invalid argument "memory.available=1Gi" for "--eviction-hard" flag: malformed pair, expect string<string',
    ],
  ]
  for (const [fields, flags, message] of refused) {
    it(`ends the start by ${JSON.stringify(fields)} ${flags.join(' ')}`, () => {
      assert.throws(() => load(fields, ...flags), { message })
    })
  }

  it('lets a node have only labels that are its own to set', () => {
    const labels = 'a=b,example.com/a=b,topology.kubernetes.io/zone=z,x.node.kubernetes.io/a=b'
    assert.equal(Object.keys(load({}, `--node-labels=${labels}`).nodeLabels).length, 4)
    assert.throws(
      () => load({}, '--node-labels=node-role.kubernetes.io/master=,kubernetes.io/a=b'),
      /^UsageError: unknown 'kubernetes.io' or 'k8s.io' labels specified with --node-labels: \[kubernetes.io\/a node-role.kubernetes.io\/master\]\n/,
    )
  })

  it('says which file is no configuration', () => {
    const path = join(folder, 'bad.d')
    mkdirSync(path)
    writeFileSync(join(path, 'a.conf'), 'kind: Other\napiVersion: v1\n')
    assert.throws(
      () => load({}, `--config-dir=${path}`),
      /^UsageError: failed to merge kubelet configs: .*failed to load kubelet dropin file, path: .*a\.conf, error: /,
    )
    assert.throws(() => load({}, `--config-dir=${path}-none`), /failed to walk through kubelet dropin directory/)
  })
})
