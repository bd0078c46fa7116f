/** The real kubectl, in the versions that this machine has. */
import { execFile, execFileSync } from 'node:child_process'
import { readdirSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'

const findOnPath = (name: string): string =>
  execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim()

/** All kubectl binaries: the one on the PATH, and `kubectl.1.NN` beside its real path. Oldest first. */
export const kubectlBinaries = (): string[] => {
  const onPath = realpathSync(findOnPath('kubectl'))
  const directory = dirname(onPath)
  const versioned = readdirSync(directory)
    .filter((file) => /^kubectl\.1\.\d+$/.test(file))
    .sort((a, b) => Number(a.split('.')[2]) - Number(b.split('.')[2]))
    .map((file) => join(directory, file))
  return versioned.length === 0 ? [onPath] : versioned
}

/** The oldest and the newest kubectl: one binary where there is only one. */
export const oldestAndNewest = (): string[] => {
  const all = kubectlBinaries()
  return [...new Set([all[0], all.at(-1)])].filter((binary) => binary !== undefined)
}

export interface KubectlResult {
  readonly stdout: string
  readonly stderr: string
  readonly code: number
}

export interface RunOptions {
  readonly input?: string
  readonly timeoutMs?: number
  readonly env?: Readonly<Record<string, string>>
}

export interface Kubectl {
  /** Runs kubectl and returns what it printed; throws with its error output if it fails. */
  (...args: readonly string[]): Promise<string>
  /** The same with standard input and other options, never throwing on a non-zero exit. */
  run(args: readonly string[], options?: RunOptions): Promise<KubectlResult>
  /** `kubectl get … -o json`, parsed. */
  json<T>(...args: readonly string[]): Promise<T>
  /** `kubectl apply -f -` and the like: `input` is the manifest. */
  withInput(input: string, ...args: readonly string[]): Promise<string>
  readonly binary: string
  readonly kubeconfig: string
}

/** A kubectl bound to a kubeconfig, with its own cache directory so that no test sees another cluster's discovery. */
export const createKubectl = (kubeconfig: string, binary = findOnPath('kubectl')): Kubectl => {
  const run = (args: readonly string[], options: RunOptions = {}): Promise<KubectlResult> =>
    new Promise((resolve) => {
      const child = execFile(
        binary,
        [`--kubeconfig=${kubeconfig}`, `--cache-dir=${kubeconfig}.cache`, ...args],
        { timeout: options.timeoutMs ?? 60_000, maxBuffer: 256 * 1024 * 1024, env: { ...process.env, ...options.env } },
        (error, stdout, stderr) => {
          const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1
          resolve({ stdout, stderr, code })
        },
      )
      child.stdin?.on('error', () => undefined)
      child.stdin?.end(options.input ?? '')
    })
  const checked = async (args: readonly string[], options?: RunOptions): Promise<string> => {
    const { stdout, stderr, code } = await run(args, options)
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: exit ${code}\n${stderr}${stdout}`)
    return stdout
  }
  const kubectl = (...args: readonly string[]): Promise<string> => checked(args)
  return Object.assign(kubectl, {
    run,
    json: async <T>(...args: readonly string[]) => JSON.parse(await checked([...args, '-o', 'json'])) as T,
    withInput: (input: string, ...args: readonly string[]) => checked(args, { input }),
    binary,
    kubeconfig,
  })
}
