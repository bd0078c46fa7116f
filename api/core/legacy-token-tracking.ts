/** The ConfigMap that says since when the use of legacy tokens is noted. Upstream: controller/legacytokentracking. */
export const legacyTokenTracking = {
  namespace: 'kube-system',
  name: 'kube-apiserver-legacy-service-account-token-tracking',
  key: 'since',
} as const
