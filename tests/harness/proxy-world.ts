/** An API server, two nodes that are network namespaces with a kube-proxy each, and Pods that tell who they are. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { dump, load } from 'js-yaml'
import { endpointSlices as slicesRef, nodes as nodesRef, services as servicesRef } from '../../api/resources.ts'
import type { EndpointSlice, Node, Service } from '../../api/types.ts'
import { createRestClient, type RestClient } from '../../client/rest/rest-client.ts'
import { loadKubeconfig } from '../../component-base/kubeconfig.ts'
import { projectRoot } from '../../deploy/layout.ts'
import { type ControlPlane, startControlPlane } from '../../testing/control-plane.ts'
import type { RunningCommand } from './command.ts'
import { createPacketNet, type Host, type PacketNet, podRange4, podRange6 } from './packet-net.ts'
import { waitFor } from './wait.ts'

const clusterCIDR = '10.210.0.0/16,fd00:210::/32'
export const podPort = 8080
const triggerAnnotation = 'endpoints.kubernetes.io/last-change-trigger-time'
const proxyMain = join(projectRoot, 'proxy/main.ts')

export interface World extends AsyncDisposable {
  readonly net: PacketNet
  readonly plane: ControlPlane
  readonly client: RestClient
  /** Starts a node's kube-proxy, and waits until it has written its rules. */
  readonly startProxy: (node: Host, flags?: readonly string[]) => Promise<RunningCommand>
  /** Runs kube-proxy on a node to its end. */
  readonly runProxy: (node: Host, flags: readonly string[]) => Promise<string>
  /** Makes or changes a Service of the namespace default. */
  readonly service: (name: string, spec: Service['spec'], more?: Partial<Service>) => Promise<Service>
  /** Makes or changes the one EndpointSlice of a family of a Service. */
  readonly endpoints: (service: string, endpoints: EndpointSlice['endpoints'], options?: SliceOptions) => Promise<void>
}

interface SliceOptions {
  readonly family?: 'IPv4' | 'IPv6'
  readonly protocol?: 'TCP' | 'UDP' | 'SCTP'
}

type SliceEndpoint = NonNullable<EndpointSlice['endpoints']>[number]

/** An endpoint that is a Pod, ready unless it is said otherwise. */
export const endpoint = (pod: Host, node: Host, more: Partial<SliceEndpoint> = {}): SliceEndpoint => ({
  addresses: [pod.ipv4],
  nodeName: node.name,
  conditions: { ready: true, serving: true, terminating: false },
  ...more,
})

const nodeObject = (node: Host, index: number, zone: string): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: node.name, labels: { 'topology.kubernetes.io/zone': zone, 'kubernetes.io/hostname': node.name } },
  spec: { podCIDRs: [podRange4(index), podRange6(index)], podCIDR: podRange4(index) },
})

interface Made {
  readonly world: World
  readonly nodes: [Host, Host]
}

/** Nodes are called node-1 and node-2, in zone-1 and zone-2. */
export const createWorld = async (): Promise<Made> => {
  const net = await createPacketNet()
  try {
    return await fill(net)
  } catch (error) {
    await net[Symbol.asyncDispose]()
    throw error
  }
}

const fill = async (net: PacketNet): Promise<Made> => {
  const plane = await startControlPlane({
    flags: {
      'kube-apiserver': { 'bind-address': '0.0.0.0', 'service-cluster-ip-range': '10.212.0.0/16,fd00:212::/112' },
    },
  })
  try {
    return await fillPlane(net, plane)
  } catch (error) {
    await plane.stop()
    throw error
  }
}

const fillPlane = async (net: PacketNet, plane: ControlPlane): Promise<Made> => {
  const client = createRestClient(loadKubeconfig(plane.kubeconfig), { userAgent: 'kubets-tests' })
  const nodes: [Host, Host] = [await net.addNode('node-1', 1), await net.addNode('node-2', 2)]
  const port = new URL(plane.server).port
  const proxyUser = await plane.addUser({ name: 'system:kube-proxy' })
  const kubeconfig = join(plane.directory, 'kube-proxy.conf')
  const document = load(readFileSync(proxyUser, 'utf8')) as { clusters: { cluster: Record<string, unknown> }[] }
  for (const { cluster } of document.clusters)
    Object.assign(cluster, { server: `https://${net.machine}:${port}`, 'tls-server-name': 'localhost' })
  writeFileSync(kubeconfig, dump(document), { mode: 0o600 })

  for (const [index, node] of nodes.entries()) {
    await client.create(nodesRef, nodeObject(node, index + 1, `zone-${index + 1}`))
    const addresses = [node.ipv4, node.ipv6].map((address) => ({ type: 'InternalIP', address }))
    await client.patch(
      nodesRef,
      node.name,
      undefined,
      { status: { addresses } },
      { type: 'merge', subresource: 'status' },
    )
  }

  const startProxy = async (node: Host, flags: readonly string[] = []): Promise<RunningCommand> => {
    const config = join(plane.directory, `${node.name}-proxy.yaml`)
    writeFileSync(
      config,
      dump({
        apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
        kind: 'KubeProxyConfiguration',
        clientConnection: { kubeconfig },
        clusterCIDR,
        hostnameOverride: node.name,
        conntrack: { maxPerCore: 0 },
        nftables: { minSyncPeriod: '10ms' },
      }),
    )
    const argv = ['--disable-warning=ExperimentalWarning', proxyMain, `--config=${config}`]
    const proxy = net.start(node, process.execPath, [...argv, ...flags])
    await waitFor(
      async () => {
        if (proxy.child.exitCode !== null) throw new Error(proxy.stderr() + proxy.stdout())
        return (await node.run('nft', 'list', 'tables', 'ip6')).includes('kube-proxy')
      },
      { what: `the rules of ${node.name}: ${proxy.stderr()} ${proxy.stdout()}` },
    )
    return proxy
  }

  return {
    nodes,
    world: {
      net,
      plane,
      client,
      startProxy,
      runProxy: (node, flags) =>
        node.run(process.execPath, '--disable-warning=ExperimentalWarning', proxyMain, ...flags),
      service: async (name, spec, more = {}) => {
        const object = { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'default' }, spec, ...more }
        const present = await client.get(servicesRef, name, 'default').catch(() => undefined)
        if (present === undefined) return client.create(servicesRef, object as Service)
        return client.patch(servicesRef, name, 'default', { spec }, { type: 'merge' })
      },
      endpoints: async (service, endpoints, { family = 'IPv4', protocol = 'TCP' } = {}) => {
        const name = `${service}-${family.toLowerCase()}-${protocol.toLowerCase()}`
        const slice = {
          apiVersion: 'discovery.k8s.io/v1',
          kind: 'EndpointSlice',
          metadata: {
            name,
            namespace: 'default',
            labels: { 'kubernetes.io/service-name': service },
            annotations: { [triggerAnnotation]: new Date().toISOString() },
          },
          addressType: family,
          ports: [{ name: '', port: podPort, protocol }],
          endpoints: endpoints ?? [],
        } as EndpointSlice
        const present = await client.get(slicesRef, name, 'default').catch(() => undefined)
        if (present === undefined) await client.create(slicesRef, slice)
        else
          await client.update(slicesRef, {
            ...slice,
            metadata: { ...slice.metadata, resourceVersion: present.metadata?.resourceVersion ?? '' },
          })
      },
      [Symbol.asyncDispose]: async () => {
        await net[Symbol.asyncDispose]()
        await client.close()
        await plane.stop()
      },
    },
  }
}
