/** The flags of tokens that others issue. Upstream: pkg/kubeapiserver/options/authentication.go */
import { defineFlags } from '../../component-base/flags/flags.ts'

export const authenticationFlags = defineFlags({
  'authentication-config': {
    type: 'string',
    default: '',
    help: 'File with Authentication Configuration to configure the JWT Token authenticator or the anonymous authenticator. Mutually exclusive with the oidc-* flags.',
  },
  'authentication-token-webhook-config-file': {
    type: 'string',
    default: '',
    help: 'File with webhook configuration for token authentication in kubeconfig format. The API server will query the remote service to determine authentication for bearer tokens.',
  },
  'authentication-token-webhook-version': {
    type: 'string',
    default: 'v1beta1',
    help: 'The API version of the authentication.k8s.io TokenReview to send to and expect from the webhook.',
  },
  'authentication-token-webhook-cache-ttl': {
    type: 'duration',
    default: 120_000,
    help: 'The duration to cache responses from the webhook token authenticator.',
  },
  'oidc-issuer-url': {
    type: 'string',
    default: '',
    help: 'The URL of the OpenID issuer, only HTTPS scheme will be accepted. If set, it will be used to verify the OIDC JSON Web Token (JWT).',
  },
  'oidc-client-id': {
    type: 'string',
    default: '',
    help: 'The client ID for the OpenID Connect client, must be set if oidc-issuer-url is set.',
  },
  'oidc-ca-file': {
    type: 'string',
    default: '',
    help: "If set, the OpenID server's certificate will be verified by one of the authorities in the oidc-ca-file, otherwise the host's root CA set will be used.",
  },
  'oidc-username-claim': { type: 'string', default: 'sub', help: 'The OpenID claim to use as the user name.' },
  'oidc-username-prefix': {
    type: 'string',
    default: '',
    help: "If provided, all usernames will be prefixed with this value. If not provided, username claims other than 'email' are prefixed by the issuer URL to avoid clashes. To skip any prefixing, provide the value '-'.",
  },
  'oidc-groups-claim': {
    type: 'string',
    default: '',
    help: 'If provided, the name of a custom OpenID Connect claim for specifying user groups.',
  },
  'oidc-groups-prefix': {
    type: 'string',
    default: '',
    help: 'If provided, all groups will be prefixed with this value to prevent conflicts with other authentication strategies.',
  },
  'oidc-signing-algs': {
    type: 'strings',
    default: ['RS256'],
    help: "Comma-separated list of allowed JOSE asymmetric signing algorithms. JWTs with a 'alg' header value not in this list will be rejected.",
  },
  'oidc-required-claim': {
    type: 'map',
    default: {},
    help: 'A key=value pair that describes a required claim in the ID Token. Repeat this flag to specify multiple claims.',
  },
})
