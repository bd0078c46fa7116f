/** Commands that only look: discovery, explain, describe, events, wait, and the client's own configuration. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import { runCommand, startCommand } from '../../harness/command.ts'
import type { Kubectl } from '../../harness/kubectl.ts'
import { waitFor } from '../../harness/wait.ts'
import { inNewNamespace, type Surface } from './surface.ts'

/** `27` of `…/kubectl.1.27`, or a number greater than any of them. */
const minorOf = (binary: string): number => Number(/\.1\.(\d+)$/.exec(binary)?.[1] ?? 99)

export const describeInspection = (surface: Surface): void => {
  describe('looks at', () => {
    const minor = minorOf(surface.binary)
    let kubectl: Kubectl
    const fails = async (...args: readonly string[]): Promise<string> => {
      const { code, stderr } = await kubectl.run(args)
      assert.notEqual(code, 0, args.join(' '))
      return stderr
    }

    before(async () => {
      kubectl = await inNewNamespace(surface, `look-${surface.suffix}`)
      await kubectl('create', 'deployment', 'web', '--image=none:1', '--replicas=0')
    })

    it('resources, by verbs, categories, groups and scope', async () => {
      const names = async (...args: readonly string[]): Promise<string[]> =>
        (await kubectl('api-resources', '-o', 'name', ...args)).trim().split('\n')
      assert.deepEqual(
        await names('--categories=all'),
        (
          'pods replicationcontrollers services daemonsets.apps deployments.apps replicasets.apps ' +
          'statefulsets.apps horizontalpodautoscalers.autoscaling cronjobs.batch jobs.batch'
        ).split(' '),
      )
      const creatable = await names('--verbs=create', '--api-group=authorization.k8s.io')
      assert.equal(creatable.length, 4)
      assert.ok((await names('--namespaced=false', '--verbs=list,watch')).includes('nodes'))
      assert.ok(!(await names('--verbs=list')).includes('bindings'))
      assert.match(
        await kubectl('api-resources', '--api-group=batch', '--sort-by=kind', '--no-headers'),
        /^cronjobs +cj +batch\/v1 +true +CronJob\njobs +batch\/v1 +true +Job\n$/,
      )
      assert.match(
        await kubectl('api-resources', '--api-group=batch', '-o', 'wide'),
        /^NAME .* VERBS +CATEGORIES\ncronjobs .* create,delete,deletecollection,get,list,patch,update,watch +all\n/,
      )
    })

    it('the cluster, its version and its services', async () => {
      const info = (await kubectl('cluster-info')).replaceAll(/\p{Cc}\[[\d;]*m/gu, '')
      assert.match(info, /^Kubernetes control plane is running at https:\/\/127\.0\.0\.1:\d+\n/)
      const directory = join(surface.running().layout.root, `dump-${surface.suffix}`)
      await kubectl('cluster-info', 'dump', `--output-directory=${directory}`, '-o', 'yaml', '--namespaces=default')
      assert.match(readFileSync(join(directory, 'default/services.yaml'), 'utf8'), /^ {4}name: kubernetes$/m)
      assert.ok(existsSync(join(directory, 'nodes.yaml')))
      const version = JSON.parse((await kubectl.run(['version', '-o', 'json'])).stdout) as {
        serverVersion: Record<string, string>
      }
      assert.equal(version.serverVersion['gitVersion'], 'v1.36.0')
      assert.equal(version.serverVersion['major'], '1')
      assert.match(await fails('top', 'nodes'), /Metrics API not available/)
      assert.match(await fails('top', 'pods'), /Metrics API not available/)
    })

    it('its own configuration, which the launcher wrote', async () => {
      const context = (await kubectl('config', 'current-context')).trim()
      assert.match(context, /^kubernetes-admin@t\d+$/)
      assert.match(await kubectl('config', 'view', '--minify'), /certificate-authority-data: DATA\+OMITTED/)
      assert.match(await kubectl('config', 'get-contexts', '-o', 'name'), new RegExp(`^${context}$`, 'm'))
      assert.match(await kubectl('config', 'get-clusters'), /^NAME\nt\d+\n$/)
      assert.match(await kubectl('config', 'get-users'), /^NAME\nkubernetes-admin\n$/)
    })

    it('the server through its own proxy, on a port and on a socket', async () => {
      const flags = [`--kubeconfig=${kubectl.kubeconfig}`]
      await using proxy = startCommand(surface.binary, [...flags, 'proxy', '--port=0'])
      const [, port = ''] = await proxy.until(/Starting to serve on 127\.0\.0\.1:(\d+)/)
      const get = async (path: string): Promise<string> => (await fetch(`http://127.0.0.1:${port}${path}`)).text()
      assert.deepEqual((JSON.parse(await get('/api/')) as { versions: string[] }).versions, ['v1'])
      assert.match(await get('/api/v1/namespaces/default/configmaps?limit=1'), /"kind": ?"ConfigMapList"/)
      const refused = await fetch(`http://127.0.0.1:${port}/api/v1/namespaces/default/pods/none/exec?command=x`)
      assert.equal(refused.status, 403)
      const socketPath = join(surface.running().layout.root, `proxy-${surface.suffix}`)
      await using onSocket = startCommand(surface.binary, [...flags, 'proxy', `--unix-socket=${socketPath}`])
      await onSocket.until(/Starting to serve on /)
      const { stdout } = await runCommand('curl', ['-s', '--unix-socket', socketPath, 'http://localhost/version'])
      assert.match(stdout, /"minor": ?"36"/)
    })

    it('fields, in all of explain’s forms', async () => {
      const recursive = await kubectl('explain', 'deployment', '--recursive')
      assert.match(recursive, /^ {8}containers\t<\[\]Container>( -required-)?$/m)
      assert.match(recursive, /^ {10}image\t<string>$/m)
      const field = await kubectl('explain', 'pods.spec.containers.image')
      assert.match(field, /FIELD: image <string>/)
      assert.match(field, /DESCRIPTION:\n +\S/)
      const old = await kubectl('explain', 'deployment.spec', '--output=plaintext-openapiv2')
      assert.match(old, /^KIND: +Deployment\nVERSION: +apps\/v1\n\nRESOURCE: spec <Object>/)
      assert.match(old, /^ {3}replicas\t<integer>$/m)
      assert.match(await kubectl('explain', 'hpa', '--api-version=autoscaling/v1'), /VERSION: +v1\n/)
      assert.match(
        await fails('explain', 'pods', '--api-version=v9'),
        /couldn't find resource for "\/v9, Resource=pods"/,
      )
      assert.match(await fails('explain', 'nonsense'), /the server doesn't have a resource type "nonsense"/)
    })

    it('objects by their subresources and their managers', async () => {
      const scale = await kubectl('get', 'deployment', 'web', '--subresource=scale')
      assert.match(scale, /^NAME +DESIRED +AVAILABLE +AGE\nweb +0 +0 +\d+s\n$/)
      const status = await kubectl('get', 'deployment', 'web', '--subresource=status', '-o', 'jsonpath={.kind}')
      assert.equal(status, 'Deployment')
      const managed = await kubectl('get', 'deployment', 'web', '-o', 'yaml', '--show-managed-fields')
      assert.match(managed, /^ {2}managedFields:$/m)
      assert.match(
        await kubectl('get', 'deployment', 'web', '-o', 'jsonpath-as-json={.metadata.name}'),
        /^\[\n +"web"\n\]\n$/,
      )
      const file = (name: string, text: string): string => {
        const path = join(surface.running().layout.root, `${name}-${surface.suffix}`)
        writeFileSync(path, text)
        return path
      }
      const columns = file('columns', 'NAME REPLICAS\n.metadata.name .spec.replicas\n')
      assert.equal(
        await kubectl('get', 'deployment', 'web', '-o', `custom-columns-file=${columns}`),
        'NAME   REPLICAS\nweb    0\n',
      )
      const template = file('template', '{{.metadata.name}}:{{len .spec.template.spec.containers}}')
      assert.equal(await kubectl('get', 'deployment', 'web', '-o', `go-template-file=${template}`), 'web:1')
      const path = file('jsonpath', '{.metadata.name}')
      assert.equal(await kubectl('get', 'deployment', 'web', '-o', `jsonpath-file=${path}`), 'web')
    })

    it('objects as describe tells of them', async () => {
      await kubectl('create', 'secret', 'generic', 'hidden', '--from-literal=key=value')
      await kubectl('create', 'quota', 'few', '--hard=pods=5')
      await kubectl('create', 'service', 'clusterip', 'web', '--tcp=80:8080')
      await kubectl('create', 'cronjob', 'rare', '--image=none:1', '--schedule=0 0 1 1 *')
      const text = await kubectl('describe', 'deployment,secret,service,cronjob,serviceaccount')
      for (const line of [
        /^StrategyType: +RollingUpdate$/m,
        /^ {2}Progressing +True +NewReplicaSetAvailable$|^ {2}Progressing +True +ReplicaSetUpdated$|^Conditions:/m,
        /^key: +5 bytes$/m,
        /^TargetPort: +8080\/TCP$/m,
        /^Concurrency Policy: +Allow$/m,
        /^Image pull secrets: +<none>$/m,
      ]) {
        assert.match(text, line)
      }
      const namespace = `look-${surface.suffix}`
      await waitFor(async () => /pods +0 +5/.test(await kubectl('describe', 'namespace', namespace)), {
        what: 'the quota in the namespace',
      })
      assert.match(await kubectl('describe', 'pods', '-l', 'app=none').catch(String), /^$/)
      assert.match(await fails('describe', 'pod', 'absent'), /pods "absent" not found/)
    })

    it('events, by object and by type', async () => {
      await kubectl('create', 'deployment', 'noisy', '--image=none:1', '--replicas=0')
      await kubectl('scale', 'deployment', 'noisy', '--replicas=1')
      await kubectl('scale', 'deployment', 'noisy', '--replicas=0')
      const told = await waitFor(
        async () => {
          const text = await kubectl('events', '--for=deployment/noisy')
          return /ScalingReplicaSet/.test(text) ? text : undefined
        },
        { what: 'an event of the Deployment' },
      )
      assert.match(
        told,
        /^LAST SEEN +TYPE +REASON +OBJECT +MESSAGE\n.* Normal +ScalingReplicaSet +Deployment\/noisy +Scaled/,
      )
      const json = JSON.parse(await kubectl('events', '--for=deployment/noisy', '-o', 'json')) as { items: unknown[] }
      assert.ok(json.items.length > 0)
      const selected = await kubectl('get', 'events', '--field-selector=involvedObject.name=noisy,type=Normal')
      assert.match(selected, /deployment\/noisy/)
      assert.match(
        (await kubectl.run(['events', '--types=Warning', '--for=deployment/noisy'])).stderr,
        /No events found/,
      )
    })

    it('conditions until they are met, or not', async () => {
      const met = 'deployment.apps/web condition met\n'
      const wait = (...args: readonly string[]) => kubectl('wait', 'deployment/web', '--timeout=20s', ...args)
      assert.equal(await wait('--for=condition=Available'), met)
      assert.equal(await wait('--for=condition=Available=True'), met)
      assert.equal(await wait('--for=jsonpath={.spec.replicas}=0'), met)
      if (minor >= 31) {
        assert.equal(await wait('--for=jsonpath={.metadata.uid}'), met)
        const created = kubectl('wait', 'configmap/late', '--for=create', '--timeout=20s')
        await kubectl('create', 'configmap', 'late')
        assert.equal(await created, 'configmap/late condition met\n')
      }
      const gone = kubectl('wait', 'configmap/leaving', '--for=delete', '--timeout=20s')
      assert.equal(await gone, '')
      assert.equal(await kubectl('wait', 'deployment', '-l', 'app=web', '--for=condition=Available'), met)
      assert.match(
        await fails('wait', 'deployment/web', '--for=condition=Nope', '--timeout=1s'),
        /timed out waiting for the condition on deployments\/web/,
      )
    })

    it('what one may do', async () => {
      const canI = async (...args: readonly string[]): Promise<string> =>
        (await kubectl.run(['auth', 'can-i', ...args])).stdout.trim()
      await kubectl('create', 'role', 'logs', '--verb=get', '--resource=pods/log', '--resource-name=one')
      await kubectl('create', 'rolebinding', 'logs', '--role=logs', '--user=jim')
      assert.equal(await canI('get', 'pods', '--subresource=log', '--as=jim'), 'no')
      assert.equal(await canI('get', 'pods/one', '--subresource=log', '--as=jim'), 'yes')
      assert.equal(await canI('get', '/healthz', '--as=jim'), 'yes')
      assert.equal(await canI('get', '/metrics', '--as=jim'), 'no')
      assert.equal(await canI('create', 'deployments.apps'), 'yes')
      const list = await kubectl('auth', 'can-i', '--list', '--as=jim')
      assert.match(list, /^pods\/log +\[\] +\[one\] +\[get\]$/m)
      assert.match(list, /^selfsubjectaccessreviews\.authorization\.k8s\.io +\[\] +\[\] +\[create\]$/m)
      assert.equal((await kubectl.run(['auth', 'can-i', 'get', 'pods', '-q', '--as=jim'])).code, 1)
    })
  })
}
