/**
 * The pause program as machine code, so that no registry and no compiler is needed.
 *
 * It blocks all signals and waits for them: SIGTERM and SIGINT end it, every other one makes it reap zombies (it is
 * PID 1 of a Pod that shares its process namespace). Given a path as its argument it first enters that network
 * namespace: Docker then resolves `container:<id>` to it, which is how a Pod joins its node's network.
 */

const x64 = `
  488b3c24 4883ff02 7c24                        argc < 2: go to block
  488b7c2410 31f6 b802000000 0f05 85c0 7864     open(argv[1], O_RDONLY) or fail
  89c7 be00000040 b834010000 0f05 85c0 7552     setns(fd, CLONE_NEWNET) or fail
  6aff 31ff 4889e6 31d2 41ba08000000            block:
  b80e000000 0f05                               rt_sigprocmask(SIG_BLOCK, all)
  4889e7 31f6 31d2 41ba08000000                 wait:
  b880000000 0f05                               rt_sigtimedwait(all)
  83f80f 742a 83f802 7425                       SIGTERM, SIGINT: go to done
  48c7c7ffffffff 31f6 ba01000000 4531d2         reap:
  b83d000000 0f05 85c0 7fe4 ebc4                wait4(-1, WNOHANG) until none is left; go to wait
  bf01000000 eb02                               fail: status 1
  31ff                                          done: status 0
  b8e7000000 0f05                               exit_group(status)
`

/** Words in the order of the assembler; stored little-endian. */
const arm64 = `
  f94003e0 f100081f 5400016b                            argc < 2: go to block
  f9400be1 12800c60 52800002 52800708 d4000001 37f80400 openat(AT_FDCWD, argv[1], O_RDONLY) or fail
  52a80001 52802188 d4000001 35000380                   setns(fd, CLONE_NEWNET) or fail
  92800009 f81f0fe9 52800000 910003e1 d2800002 d2800103 block:
  528010e8 d4000001                                     rt_sigprocmask(SIG_BLOCK, all)
  910003e0 d2800001 d2800002 d2800103 52801128 d4000001 wait: rt_sigtimedwait(all)
  71003c1f 540001c0 7100081f 54000180                   SIGTERM, SIGINT: go to done
  92800000 d2800001 52800022 d2800003 52802088 d4000001 reap: wait4(-1, WNOHANG)
  7100001f 54ffff2c 17ffffee                            until none is left; go to wait
  52800020 14000002                                     fail: status 1
  52800000                                              done: status 0
  52800bc8 d4000001                                     exit_group(status)
`

/** The leading groups of hex digits of every line. */
const hexGroups = (listing: string): string[] =>
  listing
    .trim()
    .split('\n')
    .flatMap((line) => {
      const groups = line.trim().split(' ')
      const comment = groups.findIndex((group) => !/^(?:[0-9a-f]{2})+$/.test(group))
      return comment === -1 ? groups : groups.slice(0, comment)
    })

const machines: Readonly<Record<string, { readonly elfMachine: number; readonly code: () => Buffer }>> = {
  x64: { elfMachine: 62, code: () => Buffer.from(hexGroups(x64).join(''), 'hex') },
  arm64: {
    elfMachine: 183,
    code: () => Buffer.concat(hexGroups(arm64).map((word) => Buffer.from(word, 'hex').reverse())),
  },
}

const elfHeaderSize = 64
const programHeaderSize = 56
const loadAddress = 0x400000n

/** A static ELF executable for this machine (`process.arch`). */
export const pauseBinary = (arch: string = process.arch): Buffer => {
  const machine = machines[arch]
  if (machine === undefined) {
    throw new Error(`no pause program for ${arch}: give --pod-infra-container-image an image that you have`)
  }
  const code = machine.code()
  const codeOffset = elfHeaderSize + programHeaderSize
  const headers = Buffer.alloc(codeOffset)
  headers.write('\x7fELF\x02\x01\x01', 0, 'latin1') // 64 bit, little-endian, version 1
  headers.writeUInt16LE(2, 16) // ET_EXEC
  headers.writeUInt16LE(machine.elfMachine, 18)
  headers.writeUInt32LE(1, 20)
  headers.writeBigUInt64LE(loadAddress + BigInt(codeOffset), 24) // entry
  headers.writeBigUInt64LE(BigInt(elfHeaderSize), 32) // program headers
  headers.writeUInt16LE(elfHeaderSize, 52)
  headers.writeUInt16LE(programHeaderSize, 54)
  headers.writeUInt16LE(1, 56)
  const size = BigInt(codeOffset + code.length)
  headers.writeUInt32LE(1, 64) // PT_LOAD
  headers.writeUInt32LE(5, 68) // readable, executable
  headers.writeBigUInt64LE(0n, 72)
  headers.writeBigUInt64LE(loadAddress, 80)
  headers.writeBigUInt64LE(loadAddress, 88)
  headers.writeBigUInt64LE(size, 96)
  headers.writeBigUInt64LE(size, 104)
  headers.writeBigUInt64LE(0x1000n, 112)
  return Buffer.concat([headers, code])
}
