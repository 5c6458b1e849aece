import type { LoopEvent } from './events.ts'
import type { Usage } from './model.ts'
import type { RunError } from './run-error.ts'
import type { StopReason } from './stop-reason.ts'

/** The readable record of a run: who answered, how it ended, and one entry per reply, call, repair and limit. */
export interface Trace {
  readonly run_id: string
  readonly model: string
  readonly provider: string
  readonly stop_reason: StopReason
  readonly rounds: number
  readonly usage: {
    readonly input_tokens: number
    readonly output_tokens: number
    readonly cached_input_tokens: number
    readonly reasoning_tokens: number
  }
  readonly duration_ms: number
  readonly error?: RunError
  readonly entries: readonly TraceEntry[]
}

/** An event of the run in the field names of JSON documents; the two ends are the trace itself. */
export type TraceEntry = {
  readonly type: Exclude<LoopEvent['type'], 'run-start' | 'round-start' | 'tool-start' | 'run-end'>
} & {
  readonly [field: string]: unknown
}

/** The entry of an event, or undefined for events that only announce one. */
export function traceEntry(event: LoopEvent): TraceEntry | undefined {
  switch (event.type) {
    case 'run-start':
    case 'round-start':
    case 'tool-start':
    case 'run-end':
      return undefined
    case 'reply':
      return { ...snakeCase(event), type: event.type, usage: usageFields(event.usage) }
    default:
      return { ...snakeCase(event), type: event.type }
  }
}

export function usageFields(usage: Usage): Trace['usage'] {
  return {
    input_tokens: usage.inputTokens,
    output_tokens: usage.outputTokens,
    cached_input_tokens: usage.cachedInputTokens,
    reasoning_tokens: usage.reasoningTokens,
  }
}

/** There are some twenty names, and thousands of events. */
const snakeNames = new Map<string, string>()

/** The fields of an event without the run's id, which the trace says once; milliseconds are whole. */
function snakeCase(event: LoopEvent): Record<string, unknown> {
  const fields: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(event)) {
    if (name === 'runId') continue
    let renamed = snakeNames.get(name)
    if (renamed === undefined) {
      renamed = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
      snakeNames.set(name, renamed)
    }
    fields[renamed] = name.endsWith('Ms') ? Math.round(value) : value
  }
  return fields
}
