/** The /etc/hosts that the kubelet manages. Upstream: ensureHostsFile. */
import type { PodSpec } from '../../api/types.ts'

type HostAliases = PodSpec['hostAliases']

const aliasLines = (aliases: HostAliases): string => {
  if (aliases === undefined || aliases.length === 0) return ''
  const lines = aliases.map(({ ip, hostnames }) => `${ip}\t${(hostnames ?? []).join('\t')}\n`)
  return `\n# Entries added by HostAliases.\n${lines.join('')}`
}

/** For a Pod with its own network. */
export const podHostsFile = (
  ips: readonly string[],
  { hostname, domain }: { readonly hostname: string; readonly domain: string },
  aliases: HostAliases,
): string => {
  const own = ips.map((ip) => (domain === '' ? `${ip}\t${hostname}\n` : `${ip}\t${hostname}.${domain}\t${hostname}\n`))
  return [
    '# Kubernetes-managed hosts file.\n',
    '127.0.0.1\tlocalhost\n',
    '::1\tlocalhost ip6-localhost ip6-loopback\n',
    'fe00::0\tip6-localnet\n',
    'fe00::0\tip6-mcastprefix\n',
    'fe00::1\tip6-allnodes\n',
    'fe00::2\tip6-allrouters\n',
    ...own,
    aliasLines(aliases),
  ].join('')
}

/** For a Pod in the node's network: the node's own file and the Pod's aliases. */
export const nodeHostsFile = (nodeFile: string, aliases: HostAliases): string =>
  `# Kubernetes-managed hosts file (host network).\n${nodeFile}${aliasLines(aliases)}`
