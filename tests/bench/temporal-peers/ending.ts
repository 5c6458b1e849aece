import { setTimeout as delay } from 'node:timers/promises'
import { answerOf } from './script.ts'
import type { startRun } from './stage.ts'

/** A started run. */
export type RunHandle = Awaited<ReturnType<typeof startRun>>

/** How a run ended. */
export interface Ending {
  readonly isAnswered: boolean
  /** The run has neither returned nor failed within the time that it was given. */
  readonly isOpen: boolean
  /** What it returned, or the message of the failure that is the cause. */
  readonly text: string
  /** Milliseconds since 1970. */
  readonly at: number
}

/** Waits for runs, at most `patienceMs`. Runs that are still open then are terminated. */
export async function endingsOf(handles: readonly RunHandle[], patienceMs: number): Promise<readonly Ending[]> {
  const patience = new AbortController()
  const isOver = delay(patienceMs, undefined, patience).catch(() => undefined)
  const endings = await Promise.all(
    handles.map(async (handle) => {
      const ending = endingOf(handle)
      const ended = await Promise.race([ending, isOver])
      if (ended !== undefined) return ended
      const open = { isAnswered: false, isOpen: true, text: 'still running', at: Date.now() }
      await handle.terminate()
      await ending
      return open
    }),
  )
  patience.abort()
  return endings
}

async function endingOf(handle: RunHandle): Promise<Ending> {
  try {
    const text = await handle.result()
    return { isAnswered: text === answerOf(handle.workflowId), isOpen: false, text, at: Date.now() }
  } catch (error) {
    return { isAnswered: false, isOpen: false, text: rootCauseOf(error), at: Date.now() }
  }
}

function rootCauseOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? rootCauseOf(error.cause) : error.message
}
