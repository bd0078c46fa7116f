/**
 * Reads are asked again while the store is unavailable (an election, a lost connection, a restart); writes never are:
 * one that failed may have happened. Upstream: the retry interceptor of clientv3, with its numbers.
 */
import { type Clock, realClock, sleep } from '../../component-base/clock.ts'
import { GrpcError, grpcCode } from '../../component-base/grpc/status.ts'
import { jitter } from '../../component-base/random.ts'

const maxAttempts = 100
const betweenMs = 25
const jitterFactor = 0.1
/** Attempts that have to wait for a connection take longer: after this much time there is no other. */
const patienceMs = 5_000

const isUnavailable = (error: unknown): boolean => error instanceof GrpcError && error.code === grpcCode.unavailable

/**
 * Calls `read` until it answers or fails for another reason than Unavailable; gives up after 100 attempts or 5 s.
 * Each attempt gets what is left of `timeoutMs`. Throws the error of the last attempt.
 */
export const retryRead = async <T>(
  read: (timeoutMs: number) => Promise<T>,
  timeoutMs: number,
  clock: Clock = realClock,
): Promise<T> => {
  const start = clock.now()
  let elapsed = 0
  for (let attempt = 1; ; attempt++) {
    try {
      return await read(timeoutMs - elapsed)
    } catch (error) {
      if (!isUnavailable(error) || attempt === maxAttempts) throw error
      await sleep(jitter(betweenMs, jitterFactor), undefined, clock)
      elapsed = clock.now() - start
      if (elapsed > Math.min(patienceMs, timeoutMs)) throw error
    }
  }
}
