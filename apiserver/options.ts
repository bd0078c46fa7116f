/** kube-apiserver's flags. */
import { defineFlags, type ParsedFlags, parseFlags } from '../component-base/flags/flags.ts'
import { tlsFlags } from '../component-base/tls/tls-settings.ts'
import { auditFlags } from './audit/flags.ts'
import { authenticationFlags } from './authentication/flags.ts'
import { authorizationFlags } from './authorization/flags.ts'
import { otherFlags } from './features/other-flags.ts'

const notYet = 'not implemented yet'

export const flagSpecs = defineFlags({
  // The store
  'etcd-servers': {
    type: 'strings',
    default: [],
    help: 'List of etcd servers to connect with (scheme://ip:port), comma separated.',
  },
  'etcd-cafile': {
    type: 'string',
    default: '',
    help: 'SSL Certificate Authority file used to secure etcd communication.',
  },
  'etcd-certfile': { type: 'string', default: '', help: 'SSL certification file used to secure etcd communication.' },
  'etcd-keyfile': { type: 'string', default: '', help: 'SSL key file used to secure etcd communication.' },
  'etcd-prefix': { type: 'string', default: '/registry', help: 'The prefix to prepend to all resource paths in etcd.' },
  'etcd-compaction-interval': {
    type: 'duration',
    default: 300_000,
    help: 'The interval of compaction requests. If 0, compaction is disabled.',
  },
  'etcd-servers-overrides': {
    type: 'strings',
    default: [],
    help: 'Per-resource etcd servers overrides.',
    unsupported: notYet,
  },
  'storage-backend': { type: 'string', default: 'etcd3', help: 'The storage backend for persistence.' },
  'storage-media-type': {
    type: 'string',
    default: 'application/json',
    help: 'The media type to use to store objects; JSON only.',
  },
  'watch-cache': { type: 'bool', default: true, help: 'Enable watch caching in the apiserver; always on.' },
  'watch-cache-sizes': {
    type: 'strings',
    default: [],
    help: 'Watch cache size settings for some resources.',
    unsupported: 'caches bound themselves',
  },
  'default-watch-cache-size': {
    type: 'int',
    default: 100,
    help: 'Default watch cache size.',
    unsupported: 'caches bound themselves',
  },
  'event-ttl': { type: 'duration', default: 3_600_000, help: 'Amount of time to retain events.' },
  'encryption-provider-config': {
    type: 'string',
    default: '',
    help: 'The file containing configuration for encryption providers.',
  },
  'encryption-provider-config-automatic-reload': {
    type: 'bool',
    default: false,
    help: 'Reload the encryption configuration when it changes.',
  },
  'delete-collection-workers': {
    type: 'int',
    default: 1,
    help: 'Number of workers spawned for DeleteCollection call.',
  },
  // Serving
  'secure-port': {
    type: 'int',
    default: 6443,
    help: 'The port on which to serve HTTPS with authentication and authorization.',
  },
  'bind-address': {
    type: 'string',
    default: '0.0.0.0',
    help: 'The IP address on which to listen for the --secure-port port.',
  },
  'advertise-address': {
    type: 'string',
    default: '',
    help: 'The IP address on which to advertise the apiserver to members of the cluster.',
  },
  'external-hostname': {
    type: 'string',
    default: '',
    help: 'The hostname to use when generating externalized URLs for this master.',
  },
  'apiserver-count': { type: 'int', default: 1, help: 'The number of apiservers running in the cluster.' },
  'endpoint-reconciler-type': {
    type: 'string',
    default: 'lease',
    help: 'Use an endpoint reconciler (master-count, lease, none).',
  },
  'kubernetes-service-node-port': {
    type: 'int',
    default: 0,
    help: 'If non-zero, the Kubernetes master service will be of type NodePort, using this as the port.',
    unsupported: notYet,
  },
  'cert-dir': {
    type: 'string',
    default: '/var/run/kubernetes',
    help: 'The directory where the TLS certs are located.',
  },
  'tls-cert-file': { type: 'string', default: '', help: 'File containing the default x509 Certificate for HTTPS.' },
  'tls-private-key-file': {
    type: 'string',
    default: '',
    help: 'File containing the default x509 private key matching --tls-cert-file.',
  },
  'tls-sni-cert-key': {
    type: 'strings',
    default: [],
    help: 'A pair of x509 certificate and private key file paths.',
    unsupported: notYet,
  },
  ...tlsFlags,
  'http2-max-streams-per-connection': {
    type: 'int',
    default: 0,
    help: 'The limit that the server gives to clients for the maximum number of streams in an HTTP/2 connection. Zero means 100.',
  },
  'disable-http2-serving': {
    type: 'bool',
    default: false,
    help: 'If true, HTTP2 serving will be disabled.',
  },
  'permit-port-sharing': {
    type: 'bool',
    default: false,
    help: 'Use SO_REUSEPORT when binding the port.',
    unsupported: notYet,
  },
  'permit-address-sharing': {
    type: 'bool',
    default: false,
    help: 'Use SO_REUSEADDR when binding the port.',
    unsupported: notYet,
  },
  'max-requests-inflight': {
    type: 'int',
    default: 400,
    help: 'Maximum number of non-mutating requests in flight at a given time.',
  },
  'max-mutating-requests-inflight': {
    type: 'int',
    default: 200,
    help: 'Maximum number of mutating requests in flight at a given time.',
  },
  'request-timeout': { type: 'duration', default: 60_000, help: 'Default request timeout.' },
  'min-request-timeout': {
    type: 'int',
    default: 1800,
    help: 'Minimum number of seconds a handler must keep a watch request open before timing it out.',
  },
  'enable-priority-and-fairness': {
    type: 'bool',
    default: true,
    help: 'Replaces the max-in-flight handler with an enhanced one.',
  },
  'goaway-chance': {
    type: 'float',
    default: 0,
    help: 'Chance of sending GOAWAY to HTTP/2 clients: between 0 and 0.02.',
  },
  'shutdown-delay-duration': { type: 'duration', default: 0, help: 'Time to delay the termination.' },
  'shutdown-send-retry-after': {
    type: 'bool',
    default: false,
    help: 'Answer 429 with Retry-After during shutdown.',
    unsupported: notYet,
  },
  'livez-grace-period': {
    type: 'duration',
    default: 0,
    help: 'Maximum time it should take for the apiserver to complete its startup sequence and become live.',
    unsupported: notYet,
  },
  'strict-transport-security-directives': {
    type: 'strings',
    default: [],
    help: 'List of directives for HSTS, comma separated: max-age=expireTime, includeSubDomains, preload.',
  },
  'cors-allowed-origins': {
    type: 'strings',
    default: [],
    help: 'List of allowed origins for CORS.',
    unsupported: notYet,
  },
  profiling: { type: 'bool', default: true, help: 'Enable profiling; /debug/pprof says that it is not implemented.' },
  'enable-logs-handler': {
    type: 'bool',
    default: false,
    help: 'If true, install a /logs handler for the apiserver logs.',
    unsupported: notYet,
  },
  'contention-profiling': { type: 'bool', default: false, help: 'Enable block profiling.', unsupported: notYet },
  'debug-socket-path': {
    type: 'string',
    default: '',
    help: 'Use an unprotected unix-domain socket for profiling.',
    unsupported: notYet,
  },
  // Authentication
  'client-ca-file': {
    type: 'string',
    default: '',
    help: 'Any request presenting a client certificate signed by one of the authorities in the client-ca-file is authenticated with an identity corresponding to the CommonName of the client certificate.',
  },
  'anonymous-auth': {
    type: 'bool',
    default: true,
    help: 'Enables anonymous requests to the secure port of the API server.',
  },
  'token-auth-file': {
    type: 'string',
    default: '',
    help: 'The file that will be used to secure the secure port of the API server via token authentication.',
  },
  'enable-bootstrap-token-auth': {
    type: 'bool',
    default: false,
    help: 'Allow secrets of type bootstrap.kubernetes.io/token in the kube-system namespace to be used for TLS bootstrapping authentication.',
  },
  'service-account-key-file': {
    type: 'strings',
    default: [],
    help: 'File containing PEM-encoded x509 RSA or ECDSA private or public keys, used to verify ServiceAccount tokens.',
  },
  'service-account-signing-key-file': {
    type: 'string',
    default: '',
    help: 'Path to the file that contains the current private key of the service account token issuer.',
  },
  'service-account-issuer': { type: 'strings', default: [], help: 'Identifier of the service account token issuer.' },
  'service-account-jwks-uri': {
    type: 'string',
    default: '',
    help: 'Overrides the URI for the JSON Web Key Set in the discovery doc.',
  },
  'service-account-lookup': {
    type: 'bool',
    default: true,
    help: 'If true, validate ServiceAccount tokens exist in etcd as part of authentication.',
  },
  'service-account-max-token-expiration': {
    type: 'duration',
    default: 0,
    help: 'The maximum validity duration of a token created by the service account token issuer.',
  },
  'service-account-extend-token-expiration': {
    type: 'bool',
    default: true,
    help: 'Turns on projected service account expiration extension during token generation.',
  },
  'api-audiences': { type: 'strings', default: [], help: 'Identifiers of the API. Defaults to the issuer.' },
  'requestheader-client-ca-file': {
    type: 'string',
    default: '',
    help: 'Root certificate bundle to use to verify client certificates on incoming requests before trusting usernames in headers.',
  },
  'requestheader-allowed-names': {
    type: 'strings',
    default: [],
    help: 'List of client certificate common names to allow to provide usernames in headers.',
  },
  'requestheader-username-headers': {
    type: 'strings',
    default: [],
    help: 'List of request headers to inspect for usernames.',
  },
  'requestheader-uid-headers': { type: 'strings', default: [], help: 'List of request headers to inspect for UIDs.' },
  'requestheader-group-headers': {
    type: 'strings',
    default: [],
    help: 'List of request headers to inspect for groups.',
  },
  'requestheader-extra-headers-prefix': {
    type: 'strings',
    default: [],
    help: 'List of request header prefixes to inspect.',
  },
  ...authenticationFlags,
  // Authorization
  ...authorizationFlags,
  // Admission
  'admission-control': {
    type: 'strings',
    default: [],
    help: 'Admission plugins that should be enabled, and no others. Deprecated: use --enable-admission-plugins or --disable-admission-plugins.',
  },
  'enable-admission-plugins': {
    type: 'strings',
    default: [],
    help: 'Admission plugins that should be enabled in addition to default enabled ones.',
  },
  'disable-admission-plugins': {
    type: 'strings',
    default: [],
    help: 'Admission plugins that should be disabled although they are in the default enabled plugins list.',
  },
  'admission-control-config-file': {
    type: 'string',
    default: '',
    help: 'File with admission control configuration.',
  },
  'default-not-ready-toleration-seconds': {
    type: 'int',
    default: 300,
    help: 'Indicates the tolerationSeconds of the toleration for notReady:NoExecute.',
  },
  'default-unreachable-toleration-seconds': {
    type: 'int',
    default: 300,
    help: 'Indicates the tolerationSeconds of the toleration for unreachable:NoExecute.',
  },
  'allow-privileged': { type: 'bool', default: false, help: 'If true, allow privileged containers.' },
  // Services
  'service-cluster-ip-range': {
    type: 'string',
    default: '10.0.0.0/24',
    help: 'A CIDR notation IP range from which to assign service cluster IPs; a second one, of the other family, for dual-stack.',
  },
  'service-node-port-range': {
    type: 'string',
    default: '30000-32767',
    help: 'A port range to reserve for services with NodePort visibility.',
  },
  // Kubelets and other servers
  'kubelet-client-certificate': {
    type: 'string',
    default: '',
    help: 'Path to a client cert file for TLS to the kubelets.',
  },
  'kubelet-client-key': { type: 'string', default: '', help: 'Path to a client key file for TLS to the kubelets.' },
  'kubelet-certificate-authority': {
    type: 'string',
    default: '',
    help: 'Path to a cert file for the certificate authority of the kubelets.',
  },
  'kubelet-preferred-address-types': {
    type: 'strings',
    default: ['Hostname', 'InternalDNS', 'InternalIP', 'ExternalDNS', 'ExternalIP'],
    help: 'List of the preferred NodeAddressTypes to use for kubelet connections.',
  },
  'kubelet-timeout': { type: 'duration', default: 5000, help: 'Timeout for kubelet operations.' },
  'kubelet-port': {
    type: 'int',
    default: 10_250,
    help: 'Kubelet port.',
    unsupported: 'the port of the Node status is used',
  },
  'proxy-client-cert-file': {
    type: 'string',
    default: '',
    help: 'Client certificate used to prove the identity of the aggregator or kube-apiserver when it must call out during a request.',
  },
  'proxy-client-key-file': {
    type: 'string',
    default: '',
    help: 'Private key for the client certificate used to prove the identity of the aggregator.',
  },
  'aggregator-reject-forwarding-redirect': {
    type: 'bool',
    default: true,
    help: 'Aggregator reject forwarding redirect response back to client.',
  },
  'enable-aggregator-routing': {
    type: 'bool',
    default: false,
    help: 'Turns on aggregator routing requests to endpoints IP rather than cluster IP.',
  },
  'egress-selector-config-file': {
    type: 'string',
    default: '',
    help: 'File with apiserver egress selector configuration.',
    unsupported: notYet,
  },
  'max-connection-bytes-per-sec': {
    type: 'int',
    default: 0,
    help: 'If non-zero, throttle each user connection to this number of bytes/sec.',
    unsupported: notYet,
  },
  ...auditFlags,
  // API
  'runtime-config': {
    type: 'strings',
    default: [],
    help: 'A set of key=value pairs that enable or disable built-in APIs.',
  },
  'feature-gates': { type: 'map', default: {}, help: 'A set of key=value pairs that describe feature gates.' },
  'emulated-version': {
    type: 'strings',
    default: [],
    help: 'The versions different components emulate their capabilities of.',
    unsupported: notYet,
  },
  'show-hidden-metrics-for-version': {
    type: 'string',
    default: '',
    help: 'The previous version for which you want to show hidden metrics.',
    unsupported: notYet,
  },
  ...otherFlags,
})

/** Reads a command line; `--help` and `--version` are answered here, before anything else is loaded. */
export const readFlags = (argv: readonly string[]): ParsedFlags<typeof flagSpecs> =>
  parseFlags(flagSpecs, argv, { name: 'kube-apiserver', version: 'v1.36.0' })
