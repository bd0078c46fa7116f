/** Every field of KubeletConfiguration v1beta1: the strict decoder refuses all others. */
export const configFields: ReadonlySet<string> = new Set(
  `enableServer staticPodPath podLogsDir syncFrequency fileCheckFrequency httpCheckFrequency staticPodURL
  staticPodURLHeader address port readOnlyPort tlsCertFile tlsPrivateKeyFile tlsCipherSuites tlsMinVersion
  tlsCurvePreferences rotateCertificates serverTLSBootstrap authentication authorization registryPullQPS registryBurst
  imagePullCredentialsVerificationPolicy preloadedImagesVerificationAllowlist eventRecordQPS eventBurst
  enableDebuggingHandlers enableContentionProfiling healthzPort healthzBindAddress oomScoreAdj clusterDomain clusterDNS
  streamingConnectionIdleTimeout nodeStatusUpdateFrequency nodeStatusReportFrequency nodeLeaseDurationSeconds
  imageMinimumGCAge imageMaximumGCAge imageGCHighThresholdPercent imageGCLowThresholdPercent volumeStatsAggPeriod
  kubeletCgroups systemCgroups cgroupRoot cgroupsPerQOS cgroupDriver cpuManagerPolicy singleProcessOOMKill
  cpuManagerPolicyOptions cpuManagerReconcilePeriod memoryManagerPolicy topologyManagerPolicy topologyManagerScope
  topologyManagerPolicyOptions qosReserved runtimeRequestTimeout hairpinMode maxPods podCIDR podPidsLimit resolvConf
  runOnce cpuCFSQuota cpuCFSQuotaPeriod nodeStatusMaxImages maxOpenFiles contentType kubeAPIQPS kubeAPIBurst
  serializeImagePulls maxParallelImagePulls evictionHard evictionSoft evictionSoftGracePeriod
  evictionPressureTransitionPeriod evictionMaxPodGracePeriod evictionMinimumReclaim mergeDefaultEvictionSettings
  podsPerCore enableControllerAttachDetach protectKernelDefaults makeIPTablesUtilChains iptablesMasqueradeBit
  iptablesDropBit featureGates failSwapOn memorySwap containerLogMaxSize containerLogMaxFiles containerLogMaxWorkers
  containerLogMonitorInterval configMapAndSecretChangeDetectionStrategy systemReserved kubeReserved
  reservedSystemCPUs showHiddenMetricsForVersion systemReservedCgroup kubeReservedCgroup enforceNodeAllocatable
  allowedUnsafeSysctls volumePluginDir providerID kernelMemcgNotification logging enableSystemLogHandler
  enableSystemLogQuery shutdownGracePeriod shutdownGracePeriodCriticalPods shutdownGracePeriodByPodPriority
  crashLoopBackOff reservedMemory enableProfilingHandler enableDebugFlagsHandler seccompDefault
  memoryThrottlingFactor registerWithTaints registerNode tracing localStorageCapacityIsolation
  containerRuntimeEndpoint imageServiceEndpoint failCgroupV1 userNamespaces`
    .trim()
    .split(/\s+/),
)

/** Fields that have an effect here; the others are known, and told of when they are set. */
export const honouredFields: ReadonlySet<string> = new Set(
  `staticPodPath syncFrequency fileCheckFrequency address port tlsCertFile tlsPrivateKeyFile authentication
  authorization healthzPort healthzBindAddress clusterDomain clusterDNS nodeStatusUpdateFrequency
  nodeLeaseDurationSeconds maxPods podCIDR resolvConf serializeImagePulls maxParallelImagePulls containerLogMaxSize
  containerLogMaxFiles systemReserved kubeReserved evictionHard providerID seccompDefault registerWithTaints
  registerNode containerRuntimeEndpoint rotateCertificates serverTLSBootstrap tlsCipherSuites tlsMinVersion
  podPidsLimit allowedUnsafeSysctls enableSystemLogHandler eventRecordQPS eventBurst streamingConnectionIdleTimeout`
    .trim()
    .split(/\s+/),
)
