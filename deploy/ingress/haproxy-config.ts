/** HAProxy's configuration for what Ingresses ask for, as files. Pure. */
import { join } from 'node:path'
import type { CertificatePlan } from './certificates.ts'
import type { HostRoutes, PathRoute, Routing, Server } from './routes.ts'
import { type BackendSlots, slotName, type Slots } from './slots.ts'

export interface ConfigOptions {
  readonly directory: string
  /** Where running processes hand their listening sockets to the next ones. */
  readonly socket: string
  readonly httpPort: number
  readonly httpsPort: number
}

/** Name of the certificate that is shown where no Secret has one. */
export const defaultCertificate = 'default.pem'

/** One argument, whatever is in it. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

const header = ({ socket }: ConfigOptions): string => `global
  user haproxy
  group haproxy
  maxconn 4000
  no strict-limits
  hard-stop-after 60s
  stats socket ${quoted(socket)} mode 600 level admin expose-fd listeners
  ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets
  ssl-default-bind-ciphers ECDHE+AESGCM:ECDHE+CHACHA20
  tune.ssl.default-dh-param 2048

defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  timeout http-request 10s
  timeout http-keep-alive 60s
  timeout tunnel 1h
  balance roundrobin
  option redispatch 1
  option forwardfor
  retries 10
`

/**
 * A request that did not reach its server goes to another, many times: while Pods are exchanged several of them may be
 * gone before anybody says so. One that was not answered does, if asking twice does no harm.
 */
const retrying = `  retry-on conn-failure empty-response
  http-request disable-l7-retry if !METH_GET !{ method HEAD }
`

const hostCondition = (host: string): string => {
  if (host === '') return ''
  if (!host.startsWith('*.')) return `{ var(txn.host) -m str ${quoted(host)} } `
  return `{ var(txn.host) -m reg ${quoted(`^[^.]+${host.slice(1).replaceAll('.', '\\.')}$`)} } `
}

/** A prefix is of whole elements: `/a` is `/a`, `/a/` and `/a/b`, and not `/ab`. */
const pathConditions = ({ match, path }: PathRoute): string[] => {
  if (match === 'exact') return [`{ path -m str ${quoted(path)} }`]
  if (path === '') return ['TRUE']
  return [`{ path -m str ${quoted(path)} }`, `{ path -m beg ${quoted(`${path}/`)} }`]
}

const noBackend = 'none'

const hostRules = ({ host, paths, fallback }: HostRoutes, routing: Routing): string[] => {
  const isHost = hostCondition(host)
  const rules = paths.map(
    (route) =>
      `  use_backend ${route.backend} if ${pathConditions(route)
        .map((condition) => `${isHost}${condition}`)
        .join(' || ')}`,
  )
  return [...rules, `  use_backend ${fallback ?? routing.fallback ?? noBackend} if ${isHost}TRUE`]
}

/** A free slot has an address that is never asked. */
const serverLine = (server: Server | undefined, index: number): string => {
  if (server === undefined) return `  server ${slotName(index)} 127.0.0.1:9 disabled\n`
  const { ip, port } = server
  return `  server ${slotName(index)} ${ip.includes(':') ? `[${ip}]` : ip}:${port}\n`
}

const backendText = (name: string, slots: Slots): string =>
  `backend ${name}\n${retrying}${slots.map(serverLine).join('')}`

const frontend = (routing: Routing, { directory, httpPort, httpsPort }: ConfigOptions): string => {
  const certificates = `ssl crt ${quoted(join(directory, defaultCertificate))} crt-list ${quoted(join(directory, 'certificates.list'))}`
  return `frontend ingress
  bind :::${httpPort} v4v6
  bind :::${httpsPort} v4v6 ${certificates} alpn h2,http/1.1
  http-request set-var(txn.host) req.hdr(host),host_only,lower
  http-request del-header X-Forwarded-For
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-request set-header X-Forwarded-Port %[dst_port]
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Proto https if { ssl_fc }
${routing.hosts.flatMap((host) => hostRules(host, routing)).join('\n')}
  default_backend ${routing.fallback ?? noBackend}
`
}

/** Files by name: `haproxy.cfg`, and what it names beside the default certificate. */
export const haproxyFiles = (
  routing: Routing,
  { certificates, slots }: Pick<CertificatePlan, 'certificates'> & { readonly slots: BackendSlots },
  options: ConfigOptions,
): Map<string, string> => {
  const files = new Map<string, string>()
  const nameOf = (index: number): string => `certificate-${index}.pem`
  for (const [index, { pem }] of certificates.entries()) files.set(nameOf(index), pem)
  const list = certificates.map(({ hosts }, index) => [join(options.directory, nameOf(index)), ...hosts].join(' '))
  files.set('certificates.list', `${list.join('\n')}\n`)
  const backends = [...slots].sort(([a], [b]) => (a < b ? -1 : 1))
  files.set(
    'haproxy.cfg',
    [
      header(options),
      frontend(routing, options),
      `backend ${noBackend}\n  http-request return status 404 content-type text/plain string 'default backend - 404'\n`,
      ...backends.map(([name, own]) => backendText(name, own)),
    ].join('\n'),
  )
  return files
}
