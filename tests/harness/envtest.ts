/**
 * A control plane started as controller-runtime's envtest starts it, out of a folder of binaries: the same probes of
 * `--help`, flags, certificates, health checks and signals. Go itself cannot be had here.
 * Upstream: controller-runtime pkg/internal/testing/{process,controlplane,certs}.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCa, issueCertificate } from '../../component-base/pki/certificates.ts'
import { writeKubeconfig } from '../../component-base/pki/kubeconfig.ts'
import { restartablePort } from '../../testing/ports.ts'
import { runCommand } from './command.ts'

const pollMs = 100
const timeoutMs = 20_000

/** What envtest knows of a process. */
interface Started {
  readonly child: ChildProcess
  readonly directory: string
  readonly startMs: number
  readonly stop: () => Promise<number | null>
}

/** Whether `--help` lists a flag; its exit code must be 0. */
const checkFlag = async (path: string, flag: string): Promise<boolean> => {
  const { code, stdout, stderr } = await runCommand(path, ['--help'])
  if (code !== 0) throw new Error(`${path} --help: exit ${code}`)
  return new RegExp(`^\\s*--${flag}\\b`, 'm').test(stdout + stderr)
}

/** Sorted, as Arguments.AsStrings renders them. */
const render = (flags: Readonly<Record<string, string>>): string[] =>
  Object.keys(flags)
    .toSorted()
    .map((flag) => `--${flag}=${flags[flag]}`)

/** 200 or nothing; the certificate is not looked at, as in pollURLUntilOK. */
const isOk = (url: string): Promise<boolean> =>
  new Promise((resolve) =>
    execFile('curl', ['-sk', '-o', '/dev/null', '-w', '%{http_code}', url], (_, stdout) => resolve(stdout === '200')),
  )

/** A process in a group of its own; signals go to the whole group. */
const startProcess = async (
  path: string,
  args: readonly string[],
  url: string,
  directory: string,
): Promise<Started> => {
  const startedAt = performance.now()
  const child = spawn(path, args, { detached: true, stdio: ['ignore', 'ignore', 'pipe'] })
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (log += chunk))
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const pid = child.pid ?? 0
  for (;;) {
    if (await isOk(url)) break
    if (child.exitCode !== null) throw new Error(`${path} ended: ${log}`)
    if (performance.now() - startedAt > timeoutMs) {
      process.kill(-pid, 'SIGKILL')
      throw new Error(`timeout waiting for process ${path} to start: ${log}`)
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
  const stop = async (): Promise<number | null> => {
    process.kill(-pid, 'SIGTERM')
    const timer = setTimeout(() => process.kill(-pid, 'SIGKILL'), timeoutMs)
    const code = await exited
    clearTimeout(timer)
    rmSync(directory, { recursive: true, force: true })
    return code
  }
  return { child, directory, startMs: performance.now() - startedAt, stop }
}

export interface EnvtestOptions {
  /** KUBEBUILDER_ASSETS. */
  readonly assets: string
  /** What a suite sets with `APIServer.Configure().Set(…)`. */
  readonly apiServerFlags?: Readonly<Record<string, string>>
}

export interface Envtest extends AsyncDisposable {
  readonly server: string
  readonly kubeconfig: string
  readonly insecurePortFlag: boolean
  readonly noFsyncFlag: boolean
  readonly addUser: (name: string, groups: readonly string[]) => Promise<string>
  /** From the first `--help` to a ready API server. */
  readonly startMs: number
  /** Exit codes; null: it had to be killed. */
  readonly stop: () => Promise<{ readonly apiServer: number | null; readonly etcd: number | null; readonly ms: number }>
}

const week = 7

/** ControlPlane.Start. */
export const startEnvtest = async ({ assets, apiServerFlags = {} }: EnvtestOptions): Promise<Envtest> => {
  const startedAt = performance.now()
  const newDirectory = (): string => mkdtempSync(join(tmpdir(), 'k8s_test_framework_'))
  const etcdPath = join(assets, 'etcd')
  const etcdUrl = `http://127.0.0.1:${await restartablePort()}`
  const etcdDir = newDirectory()
  const noFsyncFlag = await checkFlag(etcdPath, 'unsafe-no-fsync')
  const etcdFlags = {
    'listen-peer-urls': `http://127.0.0.1:${await restartablePort()}`,
    'data-dir': etcdDir,
    'advertise-client-urls': etcdUrl,
    'listen-client-urls': etcdUrl,
    ...(noFsyncFlag ? { 'unsafe-no-fsync': 'true' } : {}),
  }
  const etcd = await startProcess(etcdPath, render(etcdFlags), `${etcdUrl}/health`, etcdDir)

  const apiServerPath = join(assets, 'kube-apiserver')
  const port = await restartablePort()
  const server = `https://127.0.0.1:${port}`
  const certDir = newDirectory()
  const file = (name: string, text: string): string => {
    writeFileSync(join(certDir, name), text, { mode: 0o640 })
    return join(certDir, name)
  }
  // Three authorities: the serving certificate's, the one of tokens (whose certificate is the key file), and the users'.
  const [servingCa, tokenCa, userCa] = await Promise.all([
    createCa('envtest-environment', week),
    createCa('envtest-environment', week),
    createCa('envtest-environment', week),
  ])
  const names = { dnsNames: ['localhost'], ips: ['127.0.0.1'] }
  const serving = await issueCertificate(servingCa, {
    commonName: 'localhost',
    ...names,
    usages: ['server'],
    days: week,
  })
  file('apiserver.crt', serving.certPem)
  file('apiserver.key', serving.keyPem)
  const insecurePortFlag = await checkFlag(apiServerPath, 'insecure-port')
  const flags = {
    'service-cluster-ip-range': '10.0.0.0/24',
    'allow-privileged': 'true',
    'disable-admission-plugins': 'ServiceAccount',
    'cert-dir': certDir,
    'authorization-mode': 'RBAC',
    'secure-port': String(port),
    'bind-address': '127.0.0.1',
    'service-account-issuer': `${server}/`,
    'service-account-key-file': file('sa-signer.crt', tokenCa.certPem),
    'service-account-signing-key-file': file('sa-signer.key', tokenCa.keyPem),
    'etcd-servers': etcdUrl,
    'client-ca-file': file('client-cert-auth-ca.crt', userCa.certPem),
    ...(insecurePortFlag ? { 'insecure-port': '0' } : {}),
    ...apiServerFlags,
  }
  const apiServer = await startProcess(apiServerPath, render(flags), `${server}/healthz`, certDir)
  const startMs = performance.now() - startedAt
  const addUser = async (name: string, groups: readonly string[]): Promise<string> => {
    const pair = await issueCertificate(userCa, {
      commonName: name,
      organizations: groups,
      usages: ['client'],
      days: 7,
    })
    const path = join(certDir, `${name}.kubecfg`)
    writeKubeconfig(path, { cluster: 'envtest', user: name, server, caPem: servingCa.certPem, ...pair })
    return path
  }
  let stopped: ReturnType<Envtest['stop']> | undefined
  const stop = async (): ReturnType<Envtest['stop']> => {
    const from = performance.now()
    const codes = { apiServer: await apiServer.stop(), etcd: await etcd.stop() }
    return { ...codes, ms: performance.now() - from }
  }
  return {
    server,
    kubeconfig: await addUser('admin', ['system:masters']),
    insecurePortFlag,
    noFsyncFlag,
    addUser,
    startMs,
    stop: () => (stopped ??= stop()),
    [Symbol.asyncDispose]: async () => void (await (stopped ??= stop())),
  }
}
