import type { Completion } from './completion.ts'
import type { StreamFrame } from './stream-chunks.ts'
import type { WireReply } from './wire-reply.ts'

/**
 * Something that the mock server does wrong on request.
 *
 * A fault changes a reply at one or more of three levels. Several faults of one request apply in their order: first every
 * change of the completion, then every change of the stream's frames, then every change of the bytes on the wire.
 */
export interface Fault {
  /** Unique name in kebab-case, for example `slow-drip`. */
  readonly name: string
  /** The wrong behaviour, in one line. */
  readonly description: string
  /** The replies that it can affect. It does not change the others. */
  readonly mode: 'both' | 'stream' | 'whole'
  /** Changes the `chat.completion` document, before a stream is cut out of it. */
  readonly completion?: (completion: Completion) => object
  /** Changes the frames of a stream. */
  readonly frames?: (frames: readonly StreamFrame[], completion: Completion) => readonly StreamFrame[]
  /** Changes status, headers, body or delivery. */
  readonly wire?: (reply: WireReply, context: FaultContext) => WireReply
}

/** The request that a fault affects. */
export interface FaultContext {
  /** Whether the client asked for a stream. */
  readonly stream: boolean
  /** The bearer token of the request, because servers quote it in their errors. */
  readonly token: string
}

/** Faults and the requests that they affect. */
export interface ScheduledFault {
  /** Faults that apply together, in this order. */
  readonly faults: readonly Fault[]
  /** Whether the faults affect request `number`. Requests are counted from 1, and retries are requests, too. */
  readonly hits: (number: number) => boolean
}

/** The faults that affect request `number`. A fault without a schedule affects every request. */
export function faultsOf(number: number, schedule: readonly (Fault | ScheduledFault)[]): readonly Fault[] {
  return schedule.flatMap((entry) => {
    if ('name' in entry) return [entry]
    return entry.hits(number) ? entry.faults : []
  })
}

/** The faults of a group, each named after its key. */
export function nameFaults<Group extends Readonly<Record<string, Omit<Fault, 'name'>>>>(
  group: Group,
): Readonly<Record<keyof Group & string, Fault>> {
  const faults = Object.entries(group).map(([name, fault]) => [name, { ...fault, name }])
  return Object.fromEntries(faults)
}
