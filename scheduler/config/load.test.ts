import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { load } from 'js-yaml'
import { createFramework } from '../profiles.ts'
import type { Framework } from '../framework/framework.ts'
import { aNode, aPod, aScheduler } from '../testing/fixtures.ts'
import { decodeConfiguration, type LoadedConfiguration, loadConfiguration, toConfiguration } from './load.ts'

const header = 'apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n'
const configure = (text: string): Promise<LoadedConfiguration> =>
  toConfiguration(decodeConfiguration(load(header + text) as Record<string, unknown>), { file: '' })

const frameworkOf = ({ profiles: [profile] }: LoadedConfiguration): Framework => {
  if (profile === undefined) throw new Error('no profile')
  const { handle, nominator } = aScheduler()
  return createFramework(profile, { nominator, handleOf: () => handle })
}
const names = (plugins: readonly { readonly name: string }[]): string[] => plugins.map(({ name }) => name)

describe('a KubeSchedulerConfiguration', () => {
  it("has upstream's defaults, with the arguments of every plugin", async () => {
    const { configuration } = await configure('')
    assert.equal(configuration.parallelism, 16)
    assert.equal(configuration.podMaxBackoffSeconds, 10)
    const [profile] = configuration.profiles
    assert.equal(profile?.schedulerName, 'default-scheduler')
    const args = Object.fromEntries((profile?.pluginConfig ?? []).map((config) => [config.name, config.args]))
    assert.deepEqual(args['DefaultPreemption'], {
      apiVersion: 'kubescheduler.config.k8s.io/v1',
      kind: 'DefaultPreemptionArgs',
      minCandidateNodesPercentage: 10,
      minCandidateNodesAbsolute: 100,
    })
    assert.deepEqual(args['NodeResourcesFit']?.['scoringStrategy'], {
      type: 'LeastAllocated',
      resources: [
        { name: 'cpu', weight: 1 },
        { name: 'memory', weight: 1 },
      ],
    })
  })

  it("runs the default plugins in upstream's order", async () => {
    const { plugins } = frameworkOf(await configure(''))
    assert.deepEqual(names(plugins.filter).slice(0, 4), [
      'NodeUnschedulable',
      'NodeName',
      'TaintToleration',
      'NodeAffinity',
    ])
    assert.deepEqual(names(plugins.bind), ['DefaultBinder'])
    assert.equal(plugins.score.find(({ plugin }) => plugin.name === 'TaintToleration')?.weight, 3)
  })

  const orders: readonly [what: string, plugins: string, filters: string[]][] = [
    [
      'without those that are disabled',
      '{filter: {disabled: [{name: NodeName}]}, multiPoint: {disabled: [{name: "*"}], enabled: [{name: PrioritySort}, {name: DefaultBinder}, {name: NodeName}, {name: NodePorts}]}}',
      ['NodePorts'],
    ],
    [
      'first those that multiPoint has too and are enabled anew',
      '{filter: {enabled: [{name: NodePorts}]}, multiPoint: {disabled: [{name: "*"}], enabled: [{name: PrioritySort}, {name: DefaultBinder}, {name: NodeName}, {name: NodePorts}]}}',
      ['NodePorts', 'NodeName'],
    ],
    [
      'of one point alone last',
      '{filter: {enabled: [{name: NodePorts}]}, multiPoint: {disabled: [{name: "*"}], enabled: [{name: PrioritySort}, {name: DefaultBinder}, {name: NodeName}]}}',
      ['NodeName', 'NodePorts'],
    ],
    [
      'of the point alone where all others are disabled',
      '{filter: {enabled: [{name: NodePorts}], disabled: [{name: "*"}]}}',
      ['NodePorts'],
    ],
  ]
  for (const [what, plugins, filters] of orders) {
    it(`runs plugins ${what}`, async () => {
      const framework = frameworkOf(await configure(`profiles: [{plugins: ${plugins}}]`))
      assert.deepEqual(names(framework.plugins.filter), filters)
    })
  }

  it('takes the weight of score over that of multiPoint', async () => {
    const plugins = '{score: {enabled: [{name: NodeAffinity, weight: 7}]}}'
    const framework = frameworkOf(await configure(`profiles: [{plugins: ${plugins}}]`))
    const weights = new Map(framework.plugins.score.map(({ plugin, weight }) => [plugin.name, weight]))
    assert.equal(weights.get('NodeAffinity'), 7)
    assert.equal(weights.get('PodTopologySpread'), 2)
  })

  const refused: readonly [text: string, message: string][] = [
    ['colour: red', 'strict decoding error: unknown field "colour"'],
    ['parallelism: x', 'json: cannot unmarshal string into field parallelism of type int'],
    ['parallelism: 0', 'parallelism: Invalid value: 0: should be an integer value greater than zero'],
    ['percentageOfNodesToScore: 101', 'percentageOfNodesToScore: Invalid value: 101: not in valid range [0-100]'],
    ['podInitialBackoffSeconds: 0', 'podInitialBackoffSeconds: Invalid value: 0: must be greater than 0'],
    [
      'podMaxBackoffSeconds: 0',
      'podMaxBackoffSeconds: Invalid value: 0: must be greater than or equal to PodInitialBackoffSeconds',
    ],
    [
      'leaderElection: {resourceLock: configmaps}',
      'leaderElection.resourceLock: Invalid value: "configmaps": resourceLock value must be "leases"',
    ],
    ['profiles: [{schedulerName: a}, {}]', 'profiles[1].schedulerName: Required value'],
    [
      'profiles: [{schedulerName: a}, {schedulerName: a}]',
      'profiles[1].schedulerName: Duplicate value: "profiles[0].schedulerName"',
    ],
    [
      'profiles: [{plugins: {multiPoint: {enabled: [{name: EBSLimits}]}}}]',
      'profiles[0].plugins.multiPoint.enabled[21]: Invalid value: "EBSLimits": was invalid in version "kubescheduler.config.k8s.io/v1" (KubeSchedulerConfiguration is version "kubescheduler.config.k8s.io/v1")',
    ],
    [
      'profiles: [{pluginConfig: [{name: InterPodAffinity, args: {hardPodAffinityWeight: 101}}]}]',
      'profiles[0].pluginConfig[0].args.hardPodAffinityWeight: Invalid value: 101: not in valid range [0, 100]',
    ],
    [
      'profiles: [{pluginConfig: [{name: InterPodAffinity, args: {weight: 1}}]}]',
      'strict decoding error: decoding .profiles[0].pluginConfig[0]: decoding args for plugin InterPodAffinity: unknown field "weight"',
    ],
    [
      'profiles: [{pluginConfig: [{name: PodTopologySpread, args: {defaultConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway}]}}]}]',
      'profiles[0].pluginConfig[0].args.defaultingType: Invalid value: "System": when .defaultConstraints are not empty',
    ],
    [
      'profiles: [{pluginConfig: [{name: NodeResourcesFit, args: {scoringStrategy: {type: RequestedToCapacityRatio}}}]}]',
      'profiles[0].pluginConfig[0].args.scoringStrategy.requestedToCapacityRatio: Required value: must be specified when type is RequestedToCapacityRatio',
    ],
    [
      'extenders: [{urlPrefix: "http://x", prioritizeVerb: p}]',
      'extenders[0].weight: Invalid value: 0: must have a positive weight applied to it',
    ],
    [
      'extenders: [{urlPrefix: "http://x", bindVerb: b}, {urlPrefix: "http://y", bindVerb: b}]',
      'extenders: Invalid value: "found 2 extenders implementing bind": only one extender can implement bind',
    ],
    [
      'extenders: [{urlPrefix: "http://x", managedResources: [{name: cpu}]}]',
      'extenders[0].managedResources[0].name: Invalid value: "cpu": is an invalid extended resource name',
    ],
  ]
  for (const [text, message] of refused) {
    it(`is refused: ${text.slice(0, 70)}`, () => {
      const withoutIndex = (shown: string): string => shown.replace(/enabled\[\d+\]/, 'enabled[n]')
      return assert.rejects(
        async () => configure(text),
        (error: Error) => {
          assert.equal(withoutIndex(error.message), withoutIndex(message))
          return true
        },
      )
    })
  }

  const impossible: readonly [plugins: string, message: RegExp][] = [
    ['{filter: {enabled: [{name: ImageWizard}]}}', /^FilterPlugin "ImageWizard" does not exist$/],
    ['{filter: {enabled: [{name: DefaultBinder}]}}', /^plugin "DefaultBinder" does not extend FilterPlugin plugin$/],
    [
      '{score: {enabled: [{name: NodeAffinity}, {name: NodeAffinity}]}}',
      /^plugin "NodeAffinity" already registered as "ScorePlugin"$/,
    ],
    [
      '{bind: {disabled: [{name: "*"}]}}',
      /^at least one bind plugin is needed for profile with scheduler name "default-scheduler"$/,
    ],
    ['{queueSort: {disabled: [{name: "*"}]}}', /^no queue sort plugin is enabled for profile "default-scheduler"$/],
  ]
  for (const [plugins, message] of impossible) {
    it(`cannot be made into a profile: ${plugins}`, async () => {
      const configuration = await configure(`profiles: [{plugins: ${plugins}}]`)
      assert.throws(() => frameworkOf(configuration), { message })
    })
  }
})

describe('a plugin module', () => {
  const withModule = async (
    module: string,
    args: string,
    test: (loaded: LoadedConfiguration) => void,
  ): Promise<void> => {
    const folder = mkdtempSync(join(tmpdir(), 'kubets-scheduler-'))
    const file = join(folder, 'scheduler.yaml')
    writeFileSync(
      file,
      `${header}profiles:\n- plugins: {multiPoint: {enabled: [{name: RackSpread, weight: 9}]}}\n  pluginConfig:\n  - name: RackSpread\n    args: {apiVersion: kubets.dev/v1alpha1, kind: PluginModule, module: ${JSON.stringify(module)}, args: ${args}}\n`,
    )
    try {
      test(await loadConfiguration({ file }))
    } finally {
      rmSync(folder, { recursive: true })
    }
  }
  const example = join(import.meta.dirname, '../examples/rack-spread.ts')

  it('takes part like any other', () =>
    withModule(example, '{rackLabel: rack, groupLabel: app}', ({ profiles: [profile] }) => {
      const onRack = (name: string, rack: string) => aNode(name, { metadata: { name, labels: { rack } } })
      const { schedule, nodeOf, cache } = aScheduler({
        nodes: [onRack('a', '1'), onRack('b', '1'), onRack('c', '2')],
        plugins: (profile?.plugins ?? []).map((plugin) => ({ ...plugin, weight: profile?.weightOf(plugin.name) ?? 1 })),
      })
      const first = aPod({}, { app: 'db' })
      cache.assume(first, 'a')
      assert.equal(nodeOf(aPod({}, { app: 'db' })), 'c')
      cache.assume(aPod({}, { app: 'db' }), 'c')
      assert.match(nodeOf(aPod({}, { app: 'db' })), /3 node\(s\) were on a rack that has a pod of the group/)
      const result = schedule(aPod({}, { app: 'db' }))
      assert.ok(result.type === 'unschedulable' && result.diagnosis.unschedulablePlugins.has('RackSpread'))
    }))

  it('that refuses its arguments ends the start', () =>
    withModule(example, '{}', (loaded) =>
      assert.throws(() => frameworkOf(loaded), {
        message: 'initializing plugin "RackSpread": rackLabel and groupLabel are required',
      }),
    ))

  it('that is not there ends the start', () =>
    assert.rejects(
      withModule('./nowhere.ts', '{}', () => undefined),
      /plugin "RackSpread": Cannot find module .*nowhere\.ts/,
    ))
})
