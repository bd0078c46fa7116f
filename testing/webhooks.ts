/** Webhooks of a test: where its server is to listen, with which certificate, and configurations that point there. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { KubeObject } from '../api/types.ts'
import { createCa, issueCertificate } from '../component-base/pki/certificates.ts'
import { restartablePort } from './ports.ts'
import type { Manifest } from './manifests.ts'

export interface WebhookOptions {
  /** MutatingWebhookConfigurations and ValidatingWebhookConfigurations. */
  readonly configurations?: readonly Manifest[]
  /** Where the test's server listens; default: a free port of 127.0.0.1. */
  readonly host?: string
  readonly port?: number
}

/** What the test's server needs: `https.createServer({ cert, key }).listen(port, host)`. */
export interface WebhookServing {
  readonly host: string
  readonly port: number
  readonly cert: string
  readonly key: string
  /** Has `tls.crt` and `tls.key`, for servers that take files. */
  readonly certDir: string
  readonly caPem: string
}

const days = 7

export const prepareWebhookServing = async (options: WebhookOptions, directory: string): Promise<WebhookServing> => {
  const host = options.host ?? '127.0.0.1'
  const isAddress = /^[\d.]+$|:/.test(host)
  const ca = await createCa('kubets-testing-webhooks', days)
  const { certPem, keyPem } = await issueCertificate(ca, {
    commonName: 'localhost',
    dnsNames: ['localhost', ...(isAddress ? [] : [host])],
    ips: ['127.0.0.1', ...(isAddress ? [host] : [])],
    usages: ['server'],
    days,
  })
  const certDir = join(directory, 'webhooks')
  mkdirSync(certDir)
  writeFileSync(join(certDir, 'tls.crt'), certPem)
  writeFileSync(join(certDir, 'tls.key'), keyPem, { mode: 0o600 })
  return {
    host,
    port: options.port ?? (await restartablePort()),
    cert: certPem,
    key: keyPem,
    certDir,
    caPem: ca.certPem,
  }
}

interface ClientConfig {
  service?: { path?: string }
  url?: string
  caBundle?: string
}

/** Points a client configuration at the test's server: a Service becomes a URL with the same path. */
const redirect = (config: ClientConfig, { host, port, caPem }: WebhookServing): void => {
  config.caBundle = Buffer.from(caPem).toString('base64')
  if (config.service === undefined) return
  const path = (config.service.path ?? '').replace(/^\/*/, '/')
  config.url = `https://${host.includes(':') ? `[${host}]` : host}:${port}${path}`
  delete config.service
}

interface Configuration {
  webhooks?: { clientConfig?: ClientConfig }[]
}

/** Changes webhook configurations so that the API server calls the test's server. */
export const redirectWebhooks = (configurations: readonly KubeObject[], serving: WebhookServing): void => {
  for (const { webhooks = [] } of configurations as readonly Configuration[]) {
    for (const webhook of webhooks) redirect((webhook.clientConfig ??= {}), serving)
  }
}

interface Definition {
  spec?: { conversion?: { strategy?: string; webhook?: { clientConfig?: ClientConfig } } }
}

/** The same for the conversion webhooks of definitions. */
export const redirectConversions = (definitions: readonly KubeObject[], serving: WebhookServing): void => {
  for (const { spec } of definitions as readonly Definition[]) {
    const webhook = spec?.conversion?.webhook
    if (spec?.conversion?.strategy === 'Webhook' && webhook !== undefined)
      redirect((webhook.clientConfig ??= {}), serving)
  }
}
