/** The kubelet's parts, wired. What each does stands in its own file; here is who talks to whom. */
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { quantityValue } from '../api/meta/quantity.ts'
import { pods as podsRef } from '../api/resources.ts'
import { createInformerFactory } from '../client/cache/informer.ts'
import { createEventRecorder } from '../client/events/event-recorder.ts'
import type { RestClient } from '../client/rest/rest-client.ts'
import type { Logger } from '../component-base/logging/logger.ts'
import { createMetrics } from '../component-base/metrics/metrics.ts'
import { createAllocator } from './allocation/allocator.ts'
import { openAllocationStore } from './allocation/checkpoint.ts'
import { openClientCredentials } from './certificates/client-credentials.ts'
import { type CertificateMetrics, createCertificateMetrics } from './certificates/metrics.ts'
import type { KubeletConfig } from './config/config.ts'
import { type ApiObjects, createApiObjects } from './container/api-objects.ts'
import type { NodeFacts } from './container/container-config.ts'
import { parseResolvConf } from './container/dns.ts'
import { noObjects, type ObjectSource } from './container/objects.ts'
import { defaultProcMount } from './container/proc-mount.ts'
import { createKubeletMetrics, type KubeletMetrics } from './metrics.ts'
import { hostAddresses, readMachineInfo } from './node/machine.ts'
import { runNodeLease } from './node/node-lease.ts'
import type { NodeManager } from './node/node-manager.ts'
import { kubeletPaths } from './paths.ts'
import { createPleg } from './pleg/pleg.ts'
import { createProbeMetrics } from './probes/metrics.ts'
import { createProbeManager } from './probes/probe-manager.ts'
import { createLogRecorder, limitEvents } from './recorder.ts'
import { createLogManager } from './logs/log-manager.ts'
import { runtimeHandlers } from './container/runtime-class.ts'
import { runPodResources } from './podresources/server.ts'
import { createPodCgroups } from './cgroups/pod-cgroups.ts'
import { openEngine } from './open-engine.ts'
import { createBackend } from './server-backend.ts'
import type { KubeletServerBackend } from './server/backend.ts'
import { resourceMetrics, type SummaryDeps } from './stats/summary.ts'
import { createStatusManager } from './status/status-manager.ts'
import { loadedProfiles } from './sync/app-armor.ts'
import { createContainerEvents } from './sync/container-events.ts'
import { createPodKiller } from './sync/kill-pod.ts'
import { createMirrorPods } from './sync/mirror-pods.ts'
import { createPodManager } from './sync/pod-manager.ts'
import { createPodSyncer, type PodSyncer } from './sync/pod-syncer.ts'
import { createPodWorkers, type PodWorkers } from './sync/pod-worker.ts'
import { createStateReader } from './sync/runtime-state.ts'
import { createContainerStarter } from './sync/start-container.ts'
import { createSyncLoop, type SyncLoop } from './sync/sync-loop.ts'
import { createSysctlAdmission } from './sync/sysctls.ts'
import type { Base } from './wiring/base.ts'
import { createDevices } from './wiring/devices.ts'
import { createImages } from './wiring/images.ts'
import { createNetworkConfigurer, watchNode } from './wiring/network.ts'
import { createNode, enforceAllocatable } from './wiring/node.ts'
import { createPressure } from './wiring/pressure.ts'
import { runStaticSources } from './wiring/static-sources.ts'
import { createVolumes } from './wiring/volumes.ts'

export interface Kubelet {
  /** Undefined in a kubelet without an API server. */
  readonly client: RestClient | undefined
  readonly backend: KubeletServerBackend
  readonly metrics: KubeletMetrics
  readonly certificateMetrics: CertificateMetrics
  /** The IP addresses that the Node reports. */
  readonly addresses: readonly string[]
  /** Runs until the signal aborts; containers go on running. */
  run(): Promise<void>
}

const now = (): number => Date.now()
const relistMs = 30_000

const preemptionText = 'Pod was preempted by Kubelet to accommodate a critical pod.'

/** Connects to the runtime and puts everything together. Rejects when the runtime does not answer. */
export const createKubelet = async (config: KubeletConfig, log: Logger, signal: AbortSignal): Promise<Kubelet> => {
  const startedAt = now()
  const paths = kubeletPaths(config.rootDir)
  await mkdir(paths.pods, { recursive: true, mode: 0o750 })
  const machine = await readMachineInfo()
  const hostIPs = config.nodeIPs.length > 0 ? config.nodeIPs : hostAddresses()

  const registry = createMetrics('kubelet')
  const certificateMetrics = createCertificateMetrics(registry)
  // Signing a certificate takes its time: meanwhile the engine is looked for.
  const connecting = openClientCredentials(config, {
    metrics: certificateMetrics,
    log: log.child({ subsystem: 'certificates' }),
    signal,
  })
  connecting.catch(() => undefined) // told where it is awaited
  const engine = await openEngine(config, paths, log)
  const logs = createLogManager({
    runtime: engine.runtime,
    podLogsDir: config.podLogsDir,
    maxSizeBytes: quantityValue(config.containerLogMaxSize),
    maxFiles: config.containerLogMaxFiles,
    workers: config.containerLogMaxWorkers,
    monitorMs: config.containerLogMonitorMs,
    now,
    log: log.child({ subsystem: 'logs' }),
  })
  const { runtime } = logs
  const runtimeVersion = await runtime.version()

  const credentials = await connecting
  const { client } = credentials
  const factory = client === undefined ? undefined : createInformerFactory(client, log)
  const recorder =
    client === undefined
      ? createLogRecorder(log)
      : createEventRecorder(
          limitEvents(client, config.eventRate),
          { component: 'kubelet', host: config.nodeName },
          { log },
        )
  const events = createContainerEvents(recorder)

  const pods = createPodManager()
  // What the parts below tell of comes in once the workers, which are made last, are there.
  let workers: PodWorkers | undefined
  let nodeManager: NodeManager | undefined
  const base: Base = {
    config,
    paths,
    now,
    node: () => objects.node() ?? nodeManager?.current(),
    wakeNode: () => nodeManager?.wake(),
    wakePod: (podUid) => workers?.wake(podUid),
    wakeAll: () => {
      for (const pod of pods.list()) workers?.wake(pod.metadata.uid)
    },
    log,
    signal,
  }

  const apiObjects: ApiObjects | undefined =
    client === undefined || factory === undefined
      ? undefined
      : createApiObjects({ client, factory, nodeName: config.nodeName, onChange: base.wakePod, log, signal })
  const objects: ObjectSource = apiObjects ?? noObjects
  const { claims, devices, watchPlugins } = await createDevices(base, {
    objects,
    onRegistered: (resource) => metrics.devicePlugins.inc({ resource_name: resource }),
  })
  const cgroups = createPodCgroups({
    root: config.cgroupRoot,
    driver: engine.cgroupDriver,
    enabled: config.cgroupsPerQos,
    podPidsLimit: config.podPidsLimit,
  })
  const weighPods = (): void => void cgroups.updateClasses(workers?.active() ?? [])
  const facts: NodeFacts = {
    paths,
    dns: {
      clusterDNS: config.clusterDNS,
      clusterDomain: config.clusterDomain,
      node: parseResolvConf(config.resolvConf === '' ? '' : await readFile(config.resolvConf, 'utf8').catch(() => '')),
    },
    objects,
    hostIPs,
    memoryCapacityBytes: machine.memoryBytes,
    cgroupParent: cgroups.parentOf,
    podLogsDir: config.podLogsDir,
    seccompRoot: join(config.rootDir, 'seccomp'),
    seccompDefault: config.seccompDefault,
    procMount: defaultProcMount(),
    features: runtime.features,
    cdiDevices: claims.cdiDevices,
    devices: devices.ofContainer,
  }

  const status = createStatusManager({
    client,
    apiObjectOf: pods.apiObjectOf,
    log: log.child({ subsystem: 'status' }),
    signal,
  })
  const allocations = await openAllocationStore(join(config.rootDir, 'allocated_pods_state'), log)
  const allocator = createAllocator({
    store: allocations,
    node: base.node,
    active: () => workers?.active() ?? [],
    podOf: pods.get,
    onChange: (pod) => workers?.update(allocator.given(pod)),
    recorder,
    now,
  })
  const probeMetrics = createProbeMetrics()
  const probes = createProbeManager({ runtime, events, metrics: probeMetrics, now, onChange: base.wakePod })
  const killer = createPodKiller({ runtime, events, now, log })
  const { tokens, csi, csiDrivers, volumes } = createVolumes(base, { client, objects, pods })
  const plugins = watchPlugins(csiDrivers)
  const images = createImages(base, { engine, runtime, objects, recorder, metrics: () => metrics })
  const podSyncer = createPodSyncer({
    runtime,
    readState: createStateReader(runtime),
    killer,
    startContainer: createContainerStarter({
      runtime,
      images: images.images,
      mountImageVolumes: images.mountImageVolumes,
      facts,
      events,
      killer,
      preStart: devices.preStart,
      credentials: images.credentials,
    }),
    volumes,
    status,
    probes,
    cgroups,
    devices,
    onSandbox: weighPods,
    facts,
    recorder,
    events,
    allocator,
    claims,
    runtimeName: runtimeVersion.name,
    runtimeHandler: runtimeHandlers(client, factory),
    networkNotReady: engine.networkNotReady,
    crashMaxMs: config.crashLoopMaxMs,
    onFirstRun: (ms) => metrics.podStart.observe(ms / 1000),
    now,
    log: log.child({ subsystem: 'sync' }),
  })
  const syncer: PodSyncer = {
    ...podSyncer,
    cleanUp: async (podUid) => {
      await podSyncer.cleanUp(podUid)
      await logs.removePod(podUid)
    },
  }
  // Tells the sync loop, which is made last.
  let freed = (): void => undefined
  workers = createPodWorkers({
    syncer,
    log: log.child({ subsystem: 'workers' }),
    resyncMs: config.syncFrequencyMs,
    onGone: (pod) => tokens.forgetPod(pod.metadata.uid),
    onFreed: () => {
      allocator.retry()
      weighPods()
      freed()
    },
  })
  const allWorkers = workers

  const pleg = createPleg({
    runtime,
    onPodChanged: allWorkers.runtimeChanged,
    log: log.child({ subsystem: 'pleg' }),
    relistMs,
  })
  const stats: SummaryDeps = { runtime, pods, nodeName: config.nodeName, rootDir: config.rootDir, startedAt, now }
  const metrics = createKubeletMetrics(registry, {
    nodeName: config.nodeName,
    pods: () => allWorkers.active().length,
    containers: () =>
      pods
        .list()
        .reduce(
          (sum, { metadata }) =>
            sum +
            (status.get(metadata.uid)?.containerStatuses ?? []).filter(({ state }) => state?.running !== undefined)
              .length,
          0,
        ),
  })

  const { eviction, shutdown } = createPressure(base, {
    runtime,
    images: images.service,
    cgroups,
    workers: allWorkers,
    metrics,
    recorder,
    collectImages: images.gc.collectAll,
  })
  nodeManager =
    client === undefined
      ? undefined
      : createNode(base, {
          client,
          machine,
          hostIPs,
          runtime,
          runtimeVersion,
          images: images.service.listImages,
          volumesInUse: csi.inUse,
          pressure: eviction.conditions,
          devices: devices.amounts,
          shutdownReason: shutdown.reason,
          recorder,
        })
  const mirrors = client === undefined ? undefined : createMirrorPods({ client, pods, node: base.node, log })

  const loop: SyncLoop = createSyncLoop({
    pods,
    workers: allWorkers,
    syncer,
    status,
    runtime,
    paths,
    node: base.node,
    allocator,
    host: {
      admitSysctls: createSysctlAdmission(config.allowedUnsafeSysctls),
      appArmorProfiles: loadedProfiles,
      features: runtime.features,
      pressure: eviction.conditions,
      shuttingDown: () => shutdown.reason() !== '',
    },
    preempt: (victim, resource) => {
      const message = 'Preempted in order to admit critical pod'
      recorder.event(victim, 'Warning', 'Preempting', message)
      metrics.preemptions.inc({ preemption_signal: resource })
      const decided = { reason: 'Preempting', message, disruption: preemptionText }
      allWorkers.evict(victim.metadata.uid, decided, undefined)
    },
    register: (pod) => apiObjects?.register(pod),
    unregister: (podUid) => apiObjects?.unregister(podUid),
    onMirrorChange: () => mirrors?.wake(),
    log,
  })
  freed = loop.admitWaiting

  const configureNetwork = createNetworkConfigurer(base, { engine, runtime })

  const run = async (): Promise<void> => {
    const tasks: Promise<unknown>[] = [
      pleg.run(signal),
      credentials.run(signal),
      logs.run(signal),
      images.gc.run(signal),
      plugins.run(signal),
      devices.plugins.run(signal),
      runPodResources(
        {
          path: join(config.rootDir, 'pod-resources/kubelet.sock'),
          active: allWorkers.active,
          devices,
          cpus: machine.cpus,
          log,
        },
        signal,
      ),
      eviction.run(signal),
      shutdown.run(signal),
    ]
    if (config.enforcesAllocatable) await enforceAllocatable(config, { cgroups, machine, recorder })
    if (config.podCidr !== '') await configureNetwork(config.podCidr)
    const statics = runStaticSources(base, loop.staticPods)
    tasks.push(...statics.tasks)
    const sources: Promise<unknown>[] = [...statics.ready]
    if (client !== undefined && factory !== undefined && nodeManager !== undefined && mirrors !== undefined) {
      watchNode(base, factory, {
        seen: (node) => {
          nodeManager?.observe(node)
          mirrors.wake()
        },
        onPodCidr: configureNetwork,
      })
      const informer = factory.for(podsRef, { fieldSelector: `spec.nodeName=${config.nodeName}` })
      informer.addHandler({ onAdd: loop.apiPod, onUpdate: (_old, pod) => loop.apiPod(pod), onDelete: loop.apiPodGone })
      factory.start(signal)
      sources.push(informer.whenSynced(signal))
      tasks.push(nodeManager.run(signal), mirrors.run(signal))
      tasks.push(
        runNodeLease(
          {
            client,
            nodeName: config.nodeName,
            durationSeconds: config.nodeLeaseDurationSeconds,
            node: base.node,
            now,
            log,
          },
          signal,
        ),
      )
    }
    log.info(
      { node: config.nodeName, runtime: `${runtimeVersion.name} ${runtimeVersion.version}`, addresses: hostIPs },
      'kubelet started',
    )
    tasks.push(
      Promise.all(sources).then(
        async () => {
          await loop.cleanOrphans()
          await logs.removeUnknown((uid) => pods.get(uid) !== undefined || allWorkers.has(uid))
          await loop.runHousekeeping(signal)
        },
        (error: unknown) => {
          if (!signal.aborted) throw error
        },
      ),
    )
    await Promise.all(tasks)
    await allWorkers.stop()
    await allocations.flush()
    engine.close()
    await client?.close()
  }

  const backend = createBackend({
    runtime,
    checkpointsDir: join(config.rootDir, 'checkpoints'),
    pods,
    status,
    metrics: metrics.registry,
    resourceMetrics: async (path) => {
      if (path === '/metrics/resource') return resourceMetrics(stats)
      if (path === '/metrics/probes') return probeMetrics.text()
      return path === '/metrics/cadvisor' ? '' : undefined
    },
    stats,
    config: () => ({ kubeletconfig: config.document }),
    debuggingHandlers: config.debuggingHandlers,
    servesNodeLogs: config.servesNodeLogs,
    healthChecks: { syncloop: () => pleg.healthy() },
  })
  return { client, backend, addresses: hostIPs, metrics, certificateMetrics, run }
}
