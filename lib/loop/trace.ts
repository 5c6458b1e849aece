import { errorMessage } from '../../router/errors.ts'
import { excerpt } from '../../router/text/clip.ts'
import type { LoopEvent, LoopEventBody, WarningSource } from './events.ts'
import { type UsageRecord, usageRecord } from './model.ts'

/**
 * One entry of a run's trace: an event with the field names of JSON documents, and `elapsed_ms` for the milliseconds
 * since the run began. `run-start`, `round-start` and `tool-start` only announce another event, so they have no entry.
 * Neither have `text-delta` and `text-reset`, whose text is in `reply`, and `run-end`, whose facts are in the run itself.
 */
export type TraceEntry = EntryOf<RecordedEvent>

type UnrecordedType = 'run-start' | 'round-start' | 'text-delta' | 'text-reset' | 'tool-start' | 'run-end'

type RecordedEvent = Exclude<LoopEventBody, { readonly type: UnrecordedType }>

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

const unrecorded: ReadonlySet<LoopEvent['type']> = new Set<UnrecordedType>([
  'run-start',
  'round-start',
  'text-delta',
  'text-reset',
  'tool-start',
  'run-end',
])

function isRecorded(event: LoopEventBody): event is RecordedEvent {
  return !unrecorded.has(event.type)
}

/** The entry of an event. Milliseconds are rounded to whole ones. */
function traceEntry(event: RecordedEvent, elapsedMs: number): TraceEntry {
  const entry: { [field: string]: unknown } = { type: event.type }
  // Interfaces have no index signature. A cast, because Object.entries would allocate an array per field.
  const fields = event as object as Readonly<Record<string, unknown>>
  for (const name of Object.keys(fields)) {
    const value = fields[name]
    entry[snakeCase(name)] = name.endsWith('Ms') ? Math.round(Number(value)) : value
  }
  entry['elapsed_ms'] = Math.round(elapsedMs)
  if (event.type === 'reply') entry['usage'] = usageRecord(event.usage)
  // `EntryOf` computes the same names.
  return entry as TraceEntry
}

/** Events have some twenty names, and a run has thousands of events. */
const snakeNames = new Map<string, string>()

function snakeCase(name: string): string {
  let renamed = snakeNames.get(name)
  if (renamed === undefined) {
    renamed = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    snakeNames.set(name, renamed)
  }
  return renamed
}

/**
 * Drops the oldest entries of a trace until `excess` bytes of JSON are saved, as far as possible. The first entry left is a
 * warning that says so.
 *
 * @param sizeOf bytes of an entry as JSON.
 * @param note the source and the text of the warning, for a number of dropped entries.
 */
export function shortenTrace(
  trace: readonly TraceEntry[],
  excess: number,
  sizeOf: (entry: TraceEntry) => number,
  note: (dropped: number) => { readonly source: WarningSource; readonly message: string },
): readonly TraceEntry[] {
  const warning = (dropped: number): TraceEntry => ({
    type: 'warning',
    ...note(dropped),
    elapsed_ms: trace[dropped]?.elapsed_ms ?? trace.at(-1)?.elapsed_ms ?? 0,
  })
  let saved = -sizeOf(warning(trace.length)) - 1
  let dropped = 0
  for (const entry of trace) {
    if (saved >= excess) break
    saved += sizeOf(entry) + 1
    dropped++
  }
  return dropped === 0 ? trace : [warning(dropped), ...trace.slice(dropped)]
}

/** Hands the events of a run to the caller's listener and appends them to the trace. */
export class TraceRecorder {
  readonly #runId: string
  readonly #elapsedMs: () => number
  readonly #listener: ((event: LoopEvent) => void) | undefined
  readonly #trace: TraceEntry[]
  #listenerFailed = false
  /** Whether the listener got `run-end`, which is its last event. An error that it throws then is only in the trace. */
  #hasEnded = false
  #isClosed = false

  /** @param trace the array to append to; it is part of the run's state. */
  constructor(
    runId: string,
    elapsedMs: () => number,
    listener: ((event: LoopEvent) => void) | undefined,
    trace: TraceEntry[],
  ) {
    this.#runId = runId
    this.#elapsedMs = elapsedMs
    this.#listener = listener
    this.#trace = trace
  }

  /** Whether the caller wants to get the events. */
  get hasListener(): boolean {
    return this.#listener !== undefined
  }

  /** Ends the recording and returns the trace. Later events, of a model that ignores an abort, are dropped. */
  close(): readonly TraceEntry[] {
    this.#isClosed = true
    return this.#trace
  }

  /** Records an event. A listener that throws changes nothing, except that the first error becomes a warning. */
  emit(body: LoopEventBody): void {
    if (this.#isClosed) return
    // Read for every event, so that the readings of a test's clock do not depend on whether there is a listener.
    const elapsedMs = this.#elapsedMs()
    if (isRecorded(body)) this.#trace.push(traceEntry(body, elapsedMs))
    if (this.#listener === undefined || this.#hasEnded) return
    if (body.type === 'run-end') this.#hasEnded = true
    try {
      // V8 takes ten times as long for a copy that gets further members after its own.
      const returned: unknown = this.#listener({ runId: this.#runId, elapsedMs, ...body })
      // The run does not wait for an async listener. But an unhandled rejection would end the process.
      if (returned instanceof Promise) returned.catch((error: unknown) => this.#onListenerError(error))
    } catch (error) {
      this.#onListenerError(error)
    }
  }

  /** Records that one of the caller's functions failed, or that a resume lost something. */
  warn(source: Exclude<WarningSource, 'activity'>, error: unknown): void {
    this.emit({ type: 'warning', source, message: excerpt(errorMessage(error), 300) })
  }

  #onListenerError(error: unknown): void {
    if (this.#listenerFailed) return
    this.#listenerFailed = true
    this.warn('onEvent', error)
  }
}
