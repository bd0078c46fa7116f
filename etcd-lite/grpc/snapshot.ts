/** Maintenance.Snapshot: the database as a real etcd would send it, then its SHA-256. */
import { createHash } from 'node:crypto'
import { maintenance } from '../../component-base/etcd/service.ts'
import { type Implementation, implementStream } from '../../component-base/grpc/server.ts'
import type { Access } from '../auth/access.ts'
import { asInnerError } from '../auth/inner-error.ts'
import type { SnapshotFile } from '../snapshot/snapshot-file.ts'

/** etcd's. */
const blobBytes = 32 * 1024
/** A client that takes its time is waited for beyond this. */
const maxBufferedBytes = 8 * blobBytes

export interface SnapshotDeps {
  readonly access: Access
  /** Makes a snapshot of this moment; it ends when its signal aborts. */
  readonly take: (signal: AbortSignal) => Promise<SnapshotFile>
}

export const snapshotImplementation = ({ access, take }: SnapshotDeps): Implementation =>
  implementStream(maintenance.snapshot, async (call) => {
    asInnerError(() => access.reader(call)?.admin())
    const { file, sizeBytes } = await take(call.signal)
    try {
      const sha = createHash('sha256')
      for (let sent = 0; sent < sizeBytes; ) {
        call.signal.throwIfAborted()
        const { buffer, bytesRead } = await file.read(
          Buffer.allocUnsafe(blobBytes),
          0,
          Math.min(blobBytes, sizeBytes - sent),
          sent,
        )
        if (bytesRead === 0) throw new Error('the snapshot file ended too early')
        const blob = buffer.subarray(0, bytesRead)
        sent += bytesRead
        sha.update(blob)
        call.write({ remainingBytes: sizeBytes - sent, blob })
        if (call.bufferedBytes > maxBufferedBytes) await call.drained()
      }
      call.write({ remainingBytes: 0, blob: sha.digest() })
    } finally {
      await file.close()
    }
  })
