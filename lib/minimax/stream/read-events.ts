import { StringDecoder } from 'node:string_decoder'
import type { ModelReply } from '../../loop/model.ts'
import { ModelError } from '../../loop/model-error.ts'
import { readCompletion } from '../completion.ts'
import { EventParser } from './event-parser.ts'
import type { StreamedCompletion } from './streamed-completion.ts'

/** Milliseconds of silence after which nothing more is waited for, once the reply itself is there. */
const graceMs = 2000
/** The same once the server said that nothing more comes. */
const endMs = 250

/** Whether a text is one of server-sent events: their first line names a field, or is a comment. */
export function looksLikeEvents(text: string): boolean {
  return /^\s*(?:data|event|id|retry)?:/.test(text)
}

/** A body as it arrives. */
export interface Chunks extends AsyncIterable<Buffer> {
  destroy(): unknown
}

/**
 * Reads a body of server-sent events as it arrives. Where it turns out to be something else, its text is returned, whole.
 * A connection that breaks or hangs after the end of the reply costs nothing: the reply counts.
 *
 * @throws {ModelError} for an error event, for an event that is no JSON, and what the connection fails with before.
 */
export async function readEvents(body: Chunks, completion: StreamedCompletion): Promise<string | undefined> {
  const decoder = new StringDecoder('utf8')
  const ending = new Ending(completion, body)
  const events = new EventReader(completion)
  let text = ''
  let form: 'unknown' | 'events' | 'other' = 'unknown'
  try {
    for await (const chunk of body) {
      text += decoder.write(chunk)
      if (form === 'unknown') {
        text = text.trimStart()
        if (!isUndecided(text)) form = looksLikeEvents(text) ? 'events' : 'other'
      }
      if (form !== 'events') continue
      if (events.feed(text)) ending.watch()
      text = ''
    }
    // The last event counts even where its empty line is missing.
    if (form === 'events') events.feed('\n\n')
  } catch (error) {
    const isCutOff = !completion.isComplete || (completion.wentOn && !ending.hasLeft)
    if (events.failed || isCutOff) throw error
  } finally {
    ending.close()
  }
  return form === 'events' ? undefined : text + decoder.end()
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
  readonly #parser: EventParser
  #count = 0
  /** Whether an event was an error or could not be read, as opposed to a connection that failed. */
  failed = false

  constructor(completion: StreamedCompletion) {
    this.#parser = new EventParser((data, event) => {
      this.#count++
      completion.push(data, event)
    })
  }

  /** Returns whether there was an event in it. */
  feed(text: string): boolean {
    const before = this.#count
    try {
      this.#parser.feed(text)
    } catch (error) {
      this.failed = true
      throw error
    }
    return this.#count > before
  }
}

/** Leaves a connection on which nothing more comes although the reply is there. */
class Ending {
  readonly #completion: StreamedCompletion
  readonly #body: Chunks
  #timer: NodeJS.Timeout | undefined
  #isOver = false
  /** Nothing came for so long that the connection was left. */
  hasLeft = false

  constructor(completion: StreamedCompletion, body: Chunks) {
    this.#completion = completion
    this.#body = body
  }

  /** Only silence counts: each event begins the wait anew. */
  watch(): void {
    const { isComplete, isOver } = this.#completion
    if (!isComplete) return
    if (this.#timer !== undefined && this.#isOver === isOver) {
      this.#timer.refresh()
      return
    }
    clearTimeout(this.#timer)
    this.#isOver = isOver
    this.#timer = setTimeout(() => this.#leave(), isOver ? endMs : graceMs)
  }

  close(): void {
    clearTimeout(this.#timer)
  }

  #leave(): void {
    this.hasLeft = true
    this.#body.destroy()
  }
}

/** Too short to tell: a stream may arrive byte by byte. */
function isUndecided(beginning: string): boolean {
  return /^(?:d(?:a(?:ta?)?)?|e(?:v(?:e(?:nt?)?)?)?|id?|r(?:e(?:t(?:ry?)?)?)?)?$/.test(beginning)
}
