/** The kubelet's parts, wired. What each does stands in its own file; here is who talks to whom. */
import { readFile } from 'node:fs/promises'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { quantityValue } from '../api/meta/quantity.ts'
import { nodes, pods as podsRef, resourcePath, serviceAccounts } from '../api/resources.ts'
import type { Node, TokenRequest } from '../api/types.ts'
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
import { createEvictionManager } from './eviction/eviction-manager.ts'
import { removeEndedContainers } from './eviction/reclaim.ts'
import { createLogind } from './shutdown/logind.ts'
import { createShutdownManager } from './shutdown/shutdown-manager.ts'
import { createPodDiskReader } from './stats/pod-disk.ts'
import { createUsageSource } from './stats/usage-source.ts'
import { type ApiObjects, createApiObjects } from './container/api-objects.ts'
import type { NodeFacts } from './container/container-config.ts'
import { parseResolvConf } from './container/dns.ts'
import { noObjects, type ObjectSource } from './container/objects.ts'
import { defaultProcMount } from './container/proc-mount.ts'
import { pullCredentials } from './container/pull-secrets.ts'
import { csiObjects } from './csi/api-objects.ts'
import { createCsiVolumes } from './csi/csi-volumes.ts'
import { createCsiDrivers } from './csi/drivers.ts'
import { createClaimManager } from './dra/claim-manager.ts'
import { createDraDrivers } from './dra/drivers.ts'
import { createKubeletMetrics, type KubeletMetrics } from './metrics.ts'
import { fileSystemBytes, hostAddresses, readMachineInfo } from './node/machine.ts'
import { runNodeLease } from './node/node-lease.ts'
import { createNodeManager, type NodeManager } from './node/node-manager.ts'
import { kubeletPaths } from './paths.ts'
import type { BoundPod } from './pod.ts'
import { createPleg } from './pleg/pleg.ts'
import { createPluginWatcher, type PluginHandler } from './plugins/plugin-watcher.ts'
import { createProbeMetrics } from './probes/metrics.ts'
import { createProbeManager } from './probes/probe-manager.ts'
import { createLogRecorder, limitEvents } from './recorder.ts'
import { createLogManager } from './logs/log-manager.ts'
import { findPlugin } from './runtime/cni/cni.ts'
import { ensureNetworkConfig } from './runtime/cni/network-config.ts'
import { limitPulls } from './runtime/images/pull-rate.ts'
import { runtimeHandlers } from './container/runtime-class.ts'
import { createDeviceManager } from './deviceplugin/device-manager.ts'
import { runPodResources } from './podresources/server.ts'
import { createPodCgroups } from './cgroups/pod-cgroups.ts'
import { openEngine } from './open-engine.ts'
import { createCredentialPlugins } from './runtime/images/credential-plugins.ts'
import { createImageGc } from './runtime/images/image-gc.ts'
import { createPullRecords } from './runtime/images/pull-records.ts'
import { createImageManager } from './runtime/images/image-manager.ts'
import { createBackend } from './server-backend.ts'
import type { KubeletServerBackend } from './server/backend.ts'
import { resourceMetrics, type SummaryDeps } from './stats/summary.ts'
import { createStatusManager } from './status/status-manager.ts'
import { loadedProfiles } from './sync/app-armor.ts'
import { createContainerEvents } from './sync/container-events.ts'
import { runFileSource } from './sync/file-source.ts'
import { runHttpSource } from './sync/http-source.ts'
import { createPodKiller } from './sync/kill-pod.ts'
import { createMirrorPods } from './sync/mirror-pods.ts'
import { createPodManager } from './sync/pod-manager.ts'
import { createPodSyncer, type PodSyncer } from './sync/pod-syncer.ts'
import { createPodWorkers, type PodWorkers } from './sync/pod-worker.ts'
import { createStateReader } from './sync/runtime-state.ts'
import { createContainerStarter } from './sync/start-container.ts'
import { createSyncLoop, type SyncLoop } from './sync/sync-loop.ts'
import { createSysctlAdmission } from './sync/sysctls.ts'
import { capacityWriter } from './volumes/persistent-volume.ts'
import { createTokenSource, noTokens } from './volumes/tokens.ts'
import { projectsTrustBundles } from './volumes/trust-anchors.ts'
import { createTrustBundles, noTrustBundles } from './volumes/trust-bundles.ts'
import { createImageVolumes } from './volumes/image-volume.ts'
import { createVolumeManager } from './volumes/volume-manager.ts'

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

const requestToken =
  (client: RestClient) =>
  async (namespace: string, account: string, body: TokenRequest): Promise<TokenRequest> =>
    (await client.raw('POST', resourcePath(serviceAccounts, namespace, account, 'token'), body)) as TokenRequest

const preemptionText = 'Pod was preempted by Kubelet to accommodate a critical pod.'

/** podsPerCore bounds maxPods. */
const podCapacity = ({ maxPods, podsPerCore }: KubeletConfig, cpus: number): number =>
  podsPerCore === 0 ? maxPods : Math.min(maxPods, podsPerCore * cpus)

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
  const images = limitPulls(engine.images, config.pullRate, now)
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
  const wakePod = (podUid: string): void => workers?.wake(podUid)

  const apiObjects: ApiObjects | undefined =
    client === undefined || factory === undefined
      ? undefined
      : createApiObjects({ client, factory, nodeName: config.nodeName, onChange: wakePod, log, signal })
  const objects: ObjectSource = apiObjects ?? noObjects
  const wakeAll = (): void => {
    for (const pod of pods.list()) wakePod(pod.metadata.uid)
  }
  const draDrivers = createDraDrivers(wakeAll)
  const claims = await createClaimManager({
    checkpoint: join(config.rootDir, 'dra_manager_state'),
    drivers: draDrivers,
    claim: objects.resourceClaim,
    log,
  })
  const devices = createDeviceManager({
    rootDir: config.rootDir,
    onChange: () => nodeManager?.wake(),
    onRegistered: (resource) => metrics.devicePlugins.inc({ resource_name: resource }),
    log: log.child({ subsystem: 'devices' }),
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
    node: () => currentNode(),
    active: () => workers?.active() ?? [],
    podOf: pods.get,
    onChange: (pod) => workers?.update(allocator.given(pod)),
    recorder,
    now,
  })
  const probeMetrics = createProbeMetrics()
  const probes = createProbeManager({ runtime, events, metrics: probeMetrics, now, onChange: wakePod })
  const killer = createPodKiller({ runtime, events, now, log })
  const tokens = client === undefined ? noTokens : createTokenSource(requestToken(client), now)
  const trustBundles =
    client === undefined || !config.gates.ClusterTrustBundleProjection
      ? noTrustBundles
      : createTrustBundles({
          client,
          onChange: () => {
            for (const pod of pods.list()) if (projectsTrustBundles(pod.spec)) wakePod(pod.metadata.uid)
          },
          log,
          signal,
        })
  const csiDrivers = createCsiDrivers({
    client,
    nodeName: config.nodeName,
    node: () => currentNode(),
    onChange: wakeAll,
    log,
  })
  const csi = createCsiVolumes({
    paths,
    drivers: csiDrivers,
    objects: csiObjects(client),
    tokens,
    nodeName: config.nodeName,
    onUse: () => nodeManager?.wake(),
    now,
  })
  const volumes = createVolumeManager({
    paths,
    now,
    objects,
    tokens,
    trustBundles,
    csi,
    writeCapacity: capacityWriter(client),
  })
  const plugins = createPluginWatcher({
    folder: join(config.rootDir, 'plugins_registry'),
    handlers: new Map<string, PluginHandler>([
      ['CSIPlugin', csiDrivers],
      ['DRAPlugin', draDrivers],
      ['DevicePlugin', devices.plugins.handler],
    ]),
    log: log.child({ subsystem: 'plugins' }),
  })
  const records = createPullRecords(join(config.rootDir, 'image_manager'), { ...config.imageVerification, now })
  const imageManager = createImageManager({ images, now, maxParallelPulls: config.maxParallelImagePulls, records })
  const credentialPlugins = createCredentialPlugins(config.credentialPlugins, {
    now,
    log: log.child({ subsystem: 'images' }),
  })
  const podSyncer = createPodSyncer({
    runtime,
    readState: createStateReader(runtime),
    killer,
    startContainer: createContainerStarter({
      runtime,
      images: imageManager,
      mountImageVolumes: createImageVolumes({ images: imageManager, service: images, paths }),
      facts,
      events,
      killer,
      preStart: devices.preStart,
      credentials: (pod, image) =>
        pullCredentials({ objects, rootDir: config.rootDir, plugins: credentialPlugins }, pod, image),
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

  const podDisk = createPodDiskReader({
    runtime,
    paths,
    podLogsDir: config.podLogsDir,
    maxAgeMs: config.volumeStatsPeriodMs,
    now,
  })
  const imageGc = createImageGc({
    runtime,
    images,
    records,
    policy: config.imageGc,
    sharesImages: engine.sharesImages,
    pauseImage: config.pauseImage,
    // An engine may be inside a machine of its own.
    disk: async () => fileSystemBytes(await images.imageFolder()).catch(() => fileSystemBytes(config.rootDir)),
    warn: (reason, message) => {
      const node = currentNode()
      if (node !== undefined) recorder.event(node, 'Warning', reason, message)
    },
    onCollected: (reason) => metrics.imagesCollected.inc({ reason }),
    now,
    log: log.child({ subsystem: 'images' }),
  })
  const eviction = createEvictionManager({
    ...config.eviction,
    localStorageIsolation: config.localStorageIsolation,
    usage: createUsageSource({
      runtime,
      rootDir: config.rootDir,
      imageFolder: () => images.imageFolder(),
      podDisk,
      cgroups,
    }),
    runningPods: allWorkers.running,
    evict: allWorkers.evict,
    isStopped: allWorkers.isStopped,
    reclaimDisk: async () => {
      await removeEndedContainers(runtime, allWorkers.isStopped)
      await imageGc.collectAll()
    },
    node: () => currentNode(),
    nodeName: config.nodeName,
    recorder,
    evictions: metrics.evictions,
    onConditionsChanged: () => nodeManager?.wake(),
    now,
    log: log.child({ subsystem: 'eviction' }),
  })

  const shutdown = createShutdownManager({
    grace: config.shutdownGrace,
    source: createLogind(),
    runningPods: allWorkers.running,
    evict: allWorkers.evict,
    isStopped: allWorkers.isStopped,
    onChange: () => nodeManager?.wake(),
    now,
    log: log.child({ subsystem: 'shutdown' }),
  })

  const notReady = async (): Promise<string> => {
    const { runtimeReady, networkReady } = await runtime.status()
    const reasons = [runtimeReady, networkReady, shutdown.reason()].filter((reason) => reason !== '')
    return reasons.length > 1 ? `[${reasons.join(', ')}]` : (reasons[0] ?? '')
  }
  const nodeManager: NodeManager | undefined =
    client === undefined
      ? undefined
      : createNodeManager({
          client,
          identity: {
            name: config.nodeName,
            labels: config.nodeLabels,
            taints: config.registerWithTaints,
            providerId: config.providerId,
            externalCloudProvider: config.externalCloudProvider,
            schedulable: config.registerSchedulable,
            machine,
          },
          register: config.registerNode,
          status: {
            machine,
            maxPods: podCapacity(config, machine.cpus),
            maxImages: config.nodeStatusMaxImages,
            reserved: config.reserved,
            evictionHard: config.evictionHard,
            addresses: hostIPs,
            runtime: runtimeVersion,
            features: runtime.features,
            port: config.port,
          },
          rootDir: config.rootDir,
          images: images.listImages,
          volumesInUse: csi.inUse,
          notReady,
          pressure: eviction.conditions,
          devices: devices.amounts,
          updateMs: config.nodeStatusUpdateFrequencyMs,
          reportMs: config.nodeStatusReportFrequencyMs,
          recorder,
          now,
          log: log.child({ subsystem: 'node' }),
        })
  const currentNode = (): Node | undefined => objects.node() ?? nodeManager?.current()
  const mirrors = client === undefined ? undefined : createMirrorPods({ client, pods, node: currentNode, log })

  const loop: SyncLoop = createSyncLoop({
    pods,
    workers: allWorkers,
    syncer,
    status,
    runtime,
    paths,
    node: currentNode,
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

  /** Writes the bridge network once the Pod CIDRs are known, and tells everyone who waits for it. */
  const configureNetwork = async (podCidr: string): Promise<void> => {
    await runtime.updatePodCidr(podCidr)
    if (engine.wiresPods && !config.ownsCniConf) return nodeManager?.wake()
    const hostPorts = await findPlugin('portmap', config.cniBinDirs).then(
      () => true,
      () => false,
    )
    const podCidrs = podCidr.split(',')
    await ensureNetworkConfig(config.cniConfDir, { podCidrs, dataDir: paths.cniNetworks, mtu: config.mtu, hostPorts })
    nodeManager?.wake()
    wakeAll()
  }

  const watchNode = (): void => {
    let podCidr = ''
    const seen = (node: Node): void => {
      nodeManager?.observe(node)
      mirrors?.wake()
      // Of two families joined by a comma, as runtimes are told of them.
      const assigned = node.spec?.podCIDRs?.join(',') ?? node.spec?.podCIDR ?? ''
      if (assigned === '' || assigned === podCidr) return
      podCidr = assigned
      configureNetwork(assigned).catch((error: unknown) =>
        log.error({ err: error }, 'cannot write the network configuration'),
      )
    }
    factory
      ?.for(nodes, { fieldSelector: `metadata.name=${config.nodeName}` })
      .addHandler({ onAdd: seen, onUpdate: (_old, node) => seen(node) })
  }

  /** All Pods together get no more than is not reserved. Upstream: enforceNodeAllocatableCgroups. */
  const enforceAllocatable = async (): Promise<void> => {
    const about = { apiVersion: 'v1', kind: 'Node', metadata: { name: config.nodeName } }
    try {
      await cgroups.enforceAllocatable({ ...machine, reserved: config.reserved })
      recorder.event(about, 'Normal', 'NodeAllocatableEnforced', 'Updated Node Allocatable limit across pods')
    } catch (error) {
      const message = `Failed to update Node Allocatable Limits: ${error instanceof Error ? error.message : String(error)}`
      recorder.event(about, 'Warning', 'FailedNodeAllocatableEnforcement', message)
    }
  }

  const run = async (): Promise<void> => {
    const tasks: Promise<unknown>[] = [
      pleg.run(signal),
      credentials.run(signal),
      logs.run(signal),
      imageGc.run(signal),
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
    if (config.enforcesAllocatable) await enforceAllocatable()
    if (config.podCidr !== '') await configureNetwork(config.podCidr)
    const sources: Promise<unknown>[] = []
    const statics = new Map<'file' | 'http', readonly BoundPod[]>()
    const staticSource = (name: 'file' | 'http'): ((found: readonly BoundPod[]) => void) => {
      const first = Promise.withResolvers<void>()
      sources.push(first.promise)
      return (found) => {
        statics.set(name, found)
        loop.staticPods([...statics.values()].flat())
        first.resolve()
      }
    }
    if (config.staticPodPath !== '') {
      const onPods = staticSource('file')
      const { staticPodPath: path, fileCheckFrequencyMs: checkMs, nodeName } = config
      tasks.push(runFileSource({ path, nodeName, checkMs, onPods, log }, signal))
    }
    if (config.staticPodUrl !== '') {
      const onPods = staticSource('http')
      const { staticPodUrl: url, staticPodUrlHeader: headers, httpCheckFrequencyMs: checkMs, nodeName } = config
      tasks.push(runHttpSource({ url, headers, nodeName, checkMs, onPods, log }, signal))
    }
    if (client !== undefined && factory !== undefined && nodeManager !== undefined && mirrors !== undefined) {
      watchNode()
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
            node: currentNode,
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
