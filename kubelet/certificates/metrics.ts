/** Metrics of the kubelet's certificates, under upstream's names. */
import type { CertificateManager } from '../../client/certificate/certificate-manager.ts'
import { Counter, Gauge, Histogram, type Registry } from '../../component-base/metrics/prometheus.ts'

export interface CertificateMetrics {
  readonly clientFailures: Counter
  readonly serverFailures: Counter
  /** Seconds that a serving certificate lived before the next one. */
  readonly serverRotation: Histogram
  /** From now on the gauges tell of this manager's certificate. */
  readonly follow: (which: 'client' | 'server', manager: CertificateManager) => void
}

export const createCertificateMetrics = (registry: Registry): CertificateMetrics => {
  const registers = [registry]
  const managers = new Map<'client' | 'server', CertificateManager>()
  const ttl = (which: 'client' | 'server', article: string, kind: string): void => {
    new Gauge({
      name: `kubelet_certificate_manager_${which}_ttl_seconds`,
      help: `Gauge of the ${article} (time-to-live) of the Kubelet's ${kind} certificate. The value is in seconds until certificate expiry (negative if already expired). If ${kind} certificate is invalid or unused, the value will be +INF.`,
      registers,
      collect() {
        this.set(managers.get(which)?.ttlSeconds() ?? Number.POSITIVE_INFINITY)
      },
    })
  }
  ttl('client', 'TTL', 'client')
  ttl('server', 'shortest TTL', 'serving')
  const help = 'Counter of certificate renewal errors.'
  const dayS = 86_400
  return {
    clientFailures: new Counter({
      name: 'kubelet_certificate_manager_client_expiration_renew_errors',
      help,
      registers,
    }),
    serverFailures: new Counter({ name: 'kubelet_server_expiration_renew_errors', help, registers }),
    serverRotation: new Histogram({
      name: 'kubelet_certificate_manager_server_rotation_seconds',
      help: 'Histogram of the number of seconds the previous certificate lived before being rotated.',
      buckets: [60, 3600, 4 * 3600, dayS, 7 * dayS, 30 * dayS, 90 * dayS, 180 * dayS, 360 * dayS, 1440 * dayS],
      registers,
    }),
    follow: (which, manager) => managers.set(which, manager),
  }
}
