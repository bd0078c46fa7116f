/** The flags of authorization. Upstream: pkg/kubeapiserver/options/authorization.go */
import { defineFlags } from '../../component-base/flags/flags.ts'

export const authorizationFlags = defineFlags({
  'authorization-mode': {
    type: 'strings',
    default: ['AlwaysAllow'],
    help: 'Ordered list of plug-ins to do authorization on secure port. Defaults to AlwaysAllow if --authorization-config is not used. Comma-delimited list of: AlwaysAllow,AlwaysDeny,ABAC,Webhook,RBAC,Node.',
  },
  'authorization-config': {
    type: 'string',
    default: '',
    help: 'File with Authorization Configuration to configure the authorizer chain. Mutually exclusive with --authorization-mode and the --authorization-webhook-* flags.',
  },
  'authorization-policy-file': {
    type: 'string',
    default: '',
    help: 'File with authorization policy in json line by line format, used with --authorization-mode=ABAC, on the secure port.',
  },
  'authorization-webhook-config-file': {
    type: 'string',
    default: '',
    help: 'File with webhook configuration in kubeconfig format, used with --authorization-mode=Webhook. The API server will query the remote service to determine access on the secure port.',
  },
  'authorization-webhook-version': {
    type: 'string',
    default: 'v1beta1',
    help: 'The API version of the authorization.k8s.io SubjectAccessReview to send to and expect from the webhook.',
  },
  'authorization-webhook-cache-authorized-ttl': {
    type: 'duration',
    default: 300_000,
    help: "The duration to cache 'authorized' responses from the webhook authorizer.",
  },
  'authorization-webhook-cache-unauthorized-ttl': {
    type: 'duration',
    default: 30_000,
    help: "The duration to cache 'unauthorized' responses from the webhook authorizer.",
  },
})
