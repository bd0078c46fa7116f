/** etcdctl on Debian's etcd and on etcd-lite: what is printed must be the same. */
import assert from 'node:assert/strict'
import type { CommandOptions, CommandResult, RunningCommand } from '../harness/command.ts'
import { startEtcd, type TestEtcd } from '../harness/etcd.ts'

export interface Both extends AsyncDisposable {
  readonly etcd: TestEtcd
  readonly lite: TestEtcd
  /** Runs a command on both, asserts that both print and return the same, and returns it. */
  readonly same: (...args: readonly string[]) => Promise<CommandResult>
  readonly sameWith: (options: CommandOptions, ...args: readonly string[]) => Promise<CommandResult>
  /** Starts a command that goes on, on both, and leads both through the same conversation. */
  readonly converse: (
    args: readonly string[],
    talk: (command: RunningCommand, server: TestEtcd) => Promise<void>,
  ) => Promise<string>
  /** The same as `same`, for a command that succeeds. */
  readonly run: (...args: readonly string[]) => Promise<void>
}

/** Without what differs between any two servers: identities, raft's counters, lease IDs, ports, times, and log lines. */
export const scrub = (text: string): string =>
  text
    .replaceAll(/^\{"level":.*\n/gm, '')
    .replaceAll(
      /"(cluster_id|member_id|raft_term|ID|lease|raftTerm|dbSize|dbSizeInUse|raftIndex|raftAppliedIndex|leader)":-?\d+/g,
      '"$1":N',
    )
    .replaceAll(/"(ClusterID|MemberID|RaftTerm|ID|Lease)" : \d+/g, '"$1" : N')
    .replaceAll(/"Lease" : [1-9]\d*/g, '"Lease" : N')
    .replaceAll(/https?:\/\/127\.0\.0\.1:\d+|127\.0\.0\.1:\d+/g, 'ADDRESS')
    .replaceAll(/\b[0-9a-f]{14,16}\b/g, 'ID')
    .replaceAll(/\b\d+(\.\d+)?(µs|ms|s)\b/g, 'TIME')

const comparable = ({ code, stdout, stderr }: CommandResult): CommandResult => ({
  code,
  stdout: scrub(stdout),
  stderr: scrub(stderr),
})

export const startBoth = async (): Promise<Both> => {
  const [etcd, lite] = await Promise.all([startEtcd({ kind: 'etcd' }), startEtcd({ kind: 'etcd-lite' })])
  const sameWith: Both['sameWith'] = async (options, ...args) => {
    const [fromEtcd, fromLite] = await Promise.all([
      etcd.etcdctlWith(options, ...args),
      lite.etcdctlWith(options, ...args),
    ])
    assert.deepEqual(comparable(fromLite), comparable(fromEtcd), `etcdctl ${args.join(' ')}`)
    return fromLite
  }
  return {
    etcd,
    lite,
    sameWith,
    same: (...args) => sameWith({}, ...args),
    run: async (...args) => {
      const { code, stderr } = await sameWith({}, ...args)
      assert.equal(code, 0, stderr)
    },
    converse: async (args, talk) => {
      const texts = await Promise.all(
        [etcd, lite].map(async (server) => {
          await using command = server.startEtcdctl(...args)
          await talk(command, server)
          return scrub(command.stdout())
        }),
      )
      assert.equal(texts[1], texts[0], `etcdctl ${args.join(' ')}`)
      return texts[1] ?? ''
    },
    [Symbol.asyncDispose]: async () => {
      await etcd[Symbol.asyncDispose]()
      await lite[Symbol.asyncDispose]()
    },
  }
}
