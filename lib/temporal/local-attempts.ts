import { setTimeout as delay } from 'node:timers/promises'
import type { Checkpoint } from '../loop/checkpoint.ts'

/** Longest wait for the end of a previous attempt in this process. Its tools may ignore their signals. */
const endWaitMs = 2_000
/** Ended attempts that are remembered. Only those with a state that the server may not have stored are. */
const maxRemembered = 100

/** An attempt of a run in this process. */
export interface LocalAttempt {
  /** Newest state of the run, whether the server has it or not. */
  checkpoint?: Checkpoint
  /** Ends the entry. With `remember`, the state is kept for the next attempt. */
  end(options: { readonly remember: boolean }): void
}

interface Entry {
  readonly attempt: number
  readonly local: LocalAttempt
  readonly ended: Promise<void>
  hasEnded: boolean
  readonly cancel: () => void
}

const entries = new Map<string, Entry>()

/**
 * Registers an attempt of a run, and takes over the newest state of the attempt before it if that was in this process, too.
 *
 * After an outage, the server gives up an attempt because it got no heartbeat, and starts the next one, often here. The
 * server's checkpoint is then older than what this process knows: paid replies and executed calls would be repeated.
 *
 * @param storedBy the attempt whose heartbeat the server has; `undefined` if it has none.
 * @param cancel ends the attempt when a newer one begins.
 * @returns the entry, and the state of the attempt before, if it was in this process.
 */
export async function beginLocalAttempt(
  runId: string,
  attempt: number,
  storedBy: number | undefined,
  cancel: () => void,
): Promise<{ readonly local: LocalAttempt; readonly previous: Checkpoint | undefined }> {
  const before = entries.get(runId)
  let markEnded = (): void => {}
  const ended = new Promise<void>((resolve) => {
    markEnded = resolve
  })
  const local: LocalAttempt = {
    end({ remember }) {
      markEnded()
      if (entries.get(runId) !== entry) return
      entry.hasEnded = true
      if (remember) forgetOldest()
      else entries.delete(runId)
    },
  }
  const entry: Entry = { attempt, local, ended, hasEnded: false, cancel }
  entries.delete(runId)
  entries.set(runId, entry)
  if (before === undefined) return { local, previous: undefined }
  before.cancel()
  await Promise.race([before.ended, delay(endWaitMs, undefined, { ref: false })])
  // Another worker may have had the attempts between. One that got lost on its way to a worker has stored nothing, and no
  // attempt acts before something of it is stored.
  const isNewest = before.attempt === attempt - 1 || (storedBy ?? 0) <= before.attempt
  return { local, previous: isNewest ? before.local.checkpoint : undefined }
}

/** Forgets the oldest ended attempts. Their runs continue from the server's state. */
function forgetOldest(): void {
  const ended = [...entries].filter(([, entry]) => entry.hasEnded)
  for (const [runId] of ended.slice(0, Math.max(0, ended.length - maxRemembered))) entries.delete(runId)
}
