/** Something that the model server has seen. */
export type ModelEvent = {
  /** Milliseconds since 1970. */
  readonly at: number
  readonly run: string
} & (
  | {
      readonly kind: 'request'
      readonly round: number
      /** The server answered with an HTTP error, so nobody pays for the call. */
      readonly refused: boolean
    }
  /** The client closed the connection before the reply. */
  | { readonly kind: 'closed'; readonly round: number }
  /** The tool was executed. */
  | { readonly kind: 'tool'; readonly step: unknown }
)

/** Work that was done more than once. */
export interface Repeats {
  /** Model calls of a round that the model had answered, or was answering, before. */
  readonly model: number
  /** Executions of the tool with an input that it had been executed with before. */
  readonly tool: number
}

export function repeatsIn(log: readonly ModelEvent[]): Repeats {
  const paid = log.filter((event) => event.kind === 'request' && !event.refused)
  const executed = log.filter((event) => event.kind === 'tool')
  return {
    model: surplus(paid.map((event) => `${event.run}/${event.kind === 'request' ? event.round : ''}`)),
    tool: surplus(executed.map((event) => `${event.run}/${event.kind === 'tool' ? event.step : ''}`)),
  }
}

function surplus(keys: readonly string[]): number {
  return keys.length - new Set(keys).size
}
