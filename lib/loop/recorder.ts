import { excerpt } from '../../router/clip.ts'
import type { LoopEvent, LoopEventBody } from './events.ts'
import { messageOf } from './run-error.ts'
import { isRecorded, type TraceEntry, traceEntry } from './trace.ts'

/** Hands events to the listener and keeps the trace. A listener that throws harms nothing: the trace says so, once. */
export class Recorder {
  readonly entries: TraceEntry[]
  readonly #runId: string
  readonly #elapsedMs: () => number
  readonly #listener: ((event: LoopEvent) => void) | undefined
  #listenerFailed = false
  #isClosed = false

  constructor(
    runId: string,
    elapsedMs: () => number,
    listener: ((event: LoopEvent) => void) | undefined,
    entries: readonly TraceEntry[],
  ) {
    this.#runId = runId
    this.#elapsedMs = elapsedMs
    this.#listener = listener
    this.entries = [...entries]
  }

  /** The trace of a run that is over: what comes late, from a model that goes on after an abort, is no part of it. */
  close(): readonly TraceEntry[] {
    this.#isClosed = true
    return this.entries
  }

  emit(body: LoopEventBody): void {
    if (this.#isClosed) return
    // Read for every event: a clock that counts its readings shows the same with a listener and without.
    const elapsedMs = this.#elapsedMs()
    if (isRecorded(body)) this.entries.push(traceEntry(body, elapsedMs))
    if (this.#listener === undefined) return
    try {
      const returned: unknown = this.#listener({ ...body, runId: this.#runId, elapsedMs })
      // An async listener is not waited for, but its failure must not end the process as an unhandled rejection.
      if (returned instanceof Promise) returned.catch((error: unknown) => this.#listenerBroke(error))
    } catch (error) {
      this.#listenerBroke(error)
    }
  }

  #listenerBroke(error: unknown): void {
    if (this.#listenerFailed) return
    this.#listenerFailed = true
    this.warn('onEvent', error)
  }

  warn(source: 'onEvent' | 'onCheckpoint' | 'answer.check' | 'resumeFrom', error: unknown): void {
    const message = excerpt(messageOf(error), 300)
    this.emit({ type: 'warning', source, message })
  }
}
