import { errorMessage } from '../../router/errors.ts'
import { excerpt } from '../../router/text/clip.ts'
import type { LoopEvent, LoopEventBody } from './events.ts'
import { type UsageRecord, usageRecord } from './model.ts'

type Announcement = 'run-start' | 'round-start' | 'tool-start' | 'run-end'

type RecordedEvent = Exclude<LoopEventBody, { readonly type: Announcement }>

/**
 * One entry of a run's trace: an event with the field names of JSON documents. Events that only announce another one
 * (`run-start`, `round-start`, `tool-start`) and `run-end` have no entry.
 */
export type TraceEntry = EntryOf<RecordedEvent>

type EntryOf<Event> = Event extends RecordedEvent
  ? {
      readonly [Field in keyof Event as Field extends string ? SnakeCase<Field> : never]: Field extends 'usage'
        ? UsageRecord
        : Event[Field]
    } & {
      /** Milliseconds since the run began. */
      readonly elapsed_ms: number
    }
  : never

type SnakeCase<Name extends string> = Name extends `${infer First}${infer Rest}`
  ? `${First extends Lowercase<First> ? First : `_${Lowercase<First>}`}${SnakeCase<Rest>}`
  : Name

const announcements: ReadonlySet<LoopEvent['type']> = new Set<Announcement>([
  'run-start',
  'round-start',
  'tool-start',
  'run-end',
])

/** Whether an event has an entry: some only announce one. */
function isRecorded(event: LoopEventBody): event is RecordedEvent {
  return !announcements.has(event.type)
}

/** The entry of an event; milliseconds are whole. */
function traceEntry(event: RecordedEvent, elapsedMs: number): TraceEntry {
  const entry: { [field: string]: unknown } = { type: event.type }
  const fields: Readonly<Record<string, unknown>> = event
  for (const name of Object.keys(fields)) {
    const value = fields[name]
    entry[snakeCase(name)] = name.endsWith('Ms') ? Math.round(Number(value)) : value
  }
  entry['elapsed_ms'] = Math.round(elapsedMs)
  if (event.type === 'reply') entry['usage'] = usageRecord(event.usage)
  // The names are those that the type computes.
  return entry as TraceEntry
}

/** There are some twenty names, and thousands of events. */
const snakeNames = new Map<string, string>()

function snakeCase(name: string): string {
  let renamed = snakeNames.get(name)
  if (renamed === undefined) {
    renamed = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    snakeNames.set(name, renamed)
  }
  return renamed
}

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
    const message = excerpt(errorMessage(error), 300)
    this.emit({ type: 'warning', source, message })
  }
}
