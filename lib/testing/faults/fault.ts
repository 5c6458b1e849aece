import type { ModelErrorCode } from '../../loop/errors.ts'
import type { Completion } from '../mock-server/completion.ts'
import type { StreamFrame } from '../mock-server/stream-chunks.ts'
import type { WireReply } from '../mock-server/wire-reply.ts'

/**
 * One way in which a reply goes wrong, at one or more of three levels. Several faults of one request apply in order:
 * first what each does to the completion, then to the stream's frames, then to the bytes on the wire.
 */
export interface Fault {
  readonly name: string
  /** Which replies it can happen to; it leaves the others alone. */
  readonly mode: 'both' | 'stream' | 'whole'
  readonly expected: Expectation
  /** It takes the client's whole deadline. */
  readonly slow?: boolean
  readonly completion?: (completion: Completion) => object
  readonly frames?: (frames: readonly StreamFrame[], completion: Completion) => readonly StreamFrame[]
  readonly wire?: (reply: WireReply, context: FaultContext) => WireReply
}

export interface FaultContext {
  readonly stream: boolean
  /** The bearer token of the request: servers quote it in their errors. */
  readonly token: string
}

/** What a run over a good client comes to. */
export interface Expectation {
  /** Where one request is hit. */
  readonly once: Outcome
  /** Where that request and all later ones are hit; absent where no outcome is the only right one. */
  readonly always?: Outcome
}

export type Outcome = 'answered' | { readonly code: ModelErrorCode; readonly retryable: boolean }

/** A good client reads it as if nothing were wrong. */
export const harmless: Expectation = { once: 'answered', always: 'answered' }

/** The call fails; once is no harm where trying again can help. */
export function fails(code: ModelErrorCode, retryable: boolean): Expectation {
  const failure = { code, retryable }
  return { once: retryable ? 'answered' : failure, always: failure }
}

/** Faults and the requests they happen to. */
export interface ScheduledFault {
  readonly faults: readonly Fault[]
  /** `number` counts the requests of the mock server from 1, those that a client sends again included. */
  readonly hits: (number: number) => boolean
}

export function faultsOf(number: number, schedule: readonly (Fault | ScheduledFault)[]): readonly Fault[] {
  return schedule.flatMap((entry) => {
    if ('name' in entry) return [entry]
    return entry.hits(number) ? entry.faults : []
  })
}
