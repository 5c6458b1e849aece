import { TextDecoder } from 'node:util'
import { createParser, type EventSourceParser } from 'eventsource-parser'
import type { ModelReply } from '../../loop/model.ts'
import { ModelError } from '../../loop/model-error.ts'
import { readCompletion } from '../completion.ts'
import type { StreamedCompletion } from './streamed-completion.ts'

/** Milliseconds for usage, `[DONE]` and the end of the response, once the reply itself is there. */
const graceMs = 2000
/** Milliseconds for the end of the response once the server said that nothing more comes. */
const endMs = 250

/** Whether a text is one of server-sent events: their first line names a field, or is a comment. */
export function looksLikeEvents(text: string): boolean {
  return /^\s*(?:data|event|id|retry)?:/.test(text)
}

/** A body as it arrives. */
export interface Chunks extends AsyncIterable<Uint8Array> {
  destroy(): unknown
}

/**
 * Reads a body of server-sent events as it arrives. Where it turns out to be something else, its text is returned, whole.
 * A connection that breaks or hangs after the end of the reply costs nothing: the reply counts.
 *
 * @throws {ModelError} for an error event, for an event that is no JSON, and what the connection fails with before.
 */
export async function readEvents(body: Chunks, completion: StreamedCompletion): Promise<string | undefined> {
  const decoder = new TextDecoder()
  const events = new EventReader(completion)
  const ending = new Ending(completion, body)
  let text = ''
  let form: 'unknown' | 'events' | 'other' = 'unknown'
  try {
    for await (const chunk of body) {
      text += decoder.decode(chunk, { stream: true })
      if (form === 'unknown' && !isUndecided(text)) form = looksLikeEvents(text) ? 'events' : 'other'
      if (form !== 'events') continue
      events.feed(text)
      text = ''
      ending.watch()
    }
    // The last event counts even where its empty line is missing.
    if (form === 'events') events.feed('\n\n')
  } catch (error) {
    if (events.failed || !completion.isComplete) throw error
  } finally {
    ending.close()
  }
  return form === 'events' ? undefined : text + decoder.decode()
}

/** Reads a whole text of server-sent events. */
export function readEventText(text: string, completion: StreamedCompletion): void {
  new EventReader(completion).feed(`${text}\n\n`)
}

/** @throws {ModelError} where the stream ended before the reply did. */
export function replyOf(completion: StreamedCompletion, status: number): ModelReply {
  if (completion.isComplete) return readCompletion(completion.completion, status)
  throw new ModelError('The stream ended before the reply was complete.', { kind: 'network', retryable: true, status })
}

/** Takes a stream's text apart into events, in whatever pieces it comes. */
class EventReader {
  readonly #parser: EventSourceParser
  /** Whether an event was an error or could not be read, as opposed to a connection that failed. */
  failed = false

  constructor(completion: StreamedCompletion) {
    this.#parser = createParser({ onEvent: ({ data, event }) => completion.push(data, event) })
  }

  feed(text: string): void {
    try {
      this.#parser.feed(text)
    } catch (error) {
      this.failed = true
      throw error
    }
  }
}

/** Leaves a connection on which nothing more comes although the reply is there. */
class Ending {
  readonly #completion: StreamedCompletion
  readonly #body: Chunks
  #timer: NodeJS.Timeout | undefined
  #waitMs = Number.POSITIVE_INFINITY

  constructor(completion: StreamedCompletion, body: Chunks) {
    this.#completion = completion
    this.#body = body
  }

  watch(): void {
    const waitMs = this.#completion.isOver ? endMs : graceMs
    if (!this.#completion.isComplete || waitMs >= this.#waitMs) return
    clearTimeout(this.#timer)
    this.#waitMs = waitMs
    this.#timer = setTimeout(() => this.#body.destroy(), waitMs)
  }

  close(): void {
    clearTimeout(this.#timer)
  }
}

/** Too short to tell: a stream may arrive byte by byte. */
function isUndecided(beginning: string): boolean {
  return /^\s*(?:d(?:a(?:ta?)?)?|e(?:v(?:e(?:nt?)?)?)?|id?|r(?:e(?:t(?:ry?)?)?)?)?$/.test(beginning)
}
