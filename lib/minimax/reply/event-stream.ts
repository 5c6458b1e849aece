import { StringDecoder } from 'node:string_decoder'
import { ModelError } from '../../loop/errors.ts'
import type { ModelReply } from '../../loop/model.ts'
import type { BodyReader, ResponseHead } from '../exchange.ts'
import { readCompletion } from './completion.ts'
import type { StreamedCompletion } from './streamed-completion.ts'

/** Milliseconds of silence after which nothing more is waited for, once the reply itself is there. */
const graceMs = 2000
/** The same once the server said that nothing more comes. */
const endMs = 250

/** Whether a text is one of server-sent events: their first line names a field, or is a comment. */
export function looksLikeEvents(text: string): boolean {
  return /^\s*(?:data|event|id|retry)?:/.test(text)
}

/**
 * Reads a body of server-sent events as it arrives. Where it turns out to be something else, it is read as a whole.
 * A connection that breaks or hangs after the end of the reply costs nothing: the reply counts.
 */
export class EventBody<T> implements BodyReader<T> {
  readonly #completion: StreamedCompletion
  readonly #completed: () => T
  readonly #other: (text: string) => T
  readonly #decoder = new StringDecoder('utf8')
  readonly #ending: Ending
  readonly #events: EventReader
  /** What is no event yet. */
  #text = ''
  #form: 'unknown' | 'events' | 'other' = 'unknown'
  #hasLeft = false

  /**
   * @param completed called when the last event is in the completion.
   * @param other called with the text of a body that has no events.
   */
  constructor(
    completion: StreamedCompletion,
    { leave }: Pick<ResponseHead, 'leave'>,
    completed: () => T,
    other: (text: string) => T,
  ) {
    this.#completion = completion
    this.#completed = completed
    this.#other = other
    this.#ending = new Ending(completion, () => {
      this.#hasLeft = true
      leave()
    })
    this.#events = new EventReader(completion)
  }

  /** @throws {ModelError} for an error event, and for an event that is no JSON. */
  take(chunk: Buffer): void {
    this.#text += this.#decoder.write(chunk)
    if (this.#form === 'unknown') {
      this.#text = this.#text.trimStart()
      if (!isUndecided(this.#text)) this.#form = looksLikeEvents(this.#text) ? 'events' : 'other'
    }
    if (this.#form !== 'events') return
    if (this.#events.feed(this.#text)) this.#ending.watch()
    this.#text = ''
  }

  end(error?: unknown): T {
    this.#ending.close()
    if (error !== undefined) {
      this.#events.stop()
      if (this.#isLost()) throw error
    }
    if (this.#form !== 'events') return this.#other(this.#text + this.#decoder.end())
    // The last event counts even where its empty line is missing.
    if (error === undefined && !this.#hasLeft) this.#events.feed('\n\n')
    return this.#completed()
  }

  /** Whether a body that was cut short lacks something. */
  #isLost(): boolean {
    const { isComplete, wentOn } = this.#completion
    return this.#events.failed || !isComplete || wentOn
  }
}

/** Reads a whole text of server-sent events. */
export function readEventText(text: string, completion: StreamedCompletion): void {
  new EventReader(completion).feed(`${text}\n\n`)
}

/** @throws {ModelError} where the stream ended before the reply did. */
export function replyOf(completion: StreamedCompletion, status: number): ModelReply {
  if (completion.isComplete) return readCompletion(completion.completion, status)
  throw new ModelError('The stream ended before the reply was complete.', { code: 'network', retryable: true, status })
}

/** Takes a stream's text apart into events, in whatever pieces it comes. */
class EventReader {
  readonly #parser: EventParser
  #count = 0
  #isStopped = false
  /** Whether an event was an error or could not be read, as opposed to a connection that failed. */
  failed = false

  constructor(completion: StreamedCompletion) {
    this.#parser = new EventParser((data, event) => {
      if (this.#isStopped) return
      this.#count++
      completion.push(data, event)
    })
  }

  /** Returns whether there was an event in it, and more may come. */
  feed(text: string): boolean {
    const before = this.#count
    try {
      this.#parser.feed(text)
    } catch (error) {
      this.failed = true
      throw error
    }
    return this.#count > before && !this.#isStopped
  }

  /** Drops what is still to come, also of the text that is being fed: an event may make its listener abort the call. */
  stop(): void {
    this.#isStopped = true
  }
}

/** Leaves a response on which nothing more comes although the reply is there. */
class Ending {
  readonly #completion: StreamedCompletion
  readonly #leave: () => void
  #timer: NodeJS.Timeout | undefined
  #isOver = false

  constructor(completion: StreamedCompletion, leave: () => void) {
    this.#completion = completion
    this.#leave = leave
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
    this.#timer = setTimeout(this.#leave, isOver ? endMs : graceMs)
  }

  close(): void {
    clearTimeout(this.#timer)
  }
}

/** Too short to tell: a stream may arrive byte by byte. */
function isUndecided(beginning: string): boolean {
  return /^(?:d(?:a(?:ta?)?)?|e(?:v(?:e(?:nt?)?)?)?|id?|r(?:e(?:t(?:ry?)?)?)?)?$/.test(beginning)
}

/**
 * Takes the text of server-sent events apart, in whatever pieces it comes: lines end in LF, CR or both, an empty one ends
 * an event. Only the fields `data` and `event` count here.
 */
export class EventParser {
  readonly #onEvent: (data: string, event: string | undefined) => void
  /** The beginning of a line whose end is still to come. */
  #line = ''
  #data: string | undefined
  #event: string | undefined
  #endedInReturn = false

  constructor(onEvent: (data: string, event: string | undefined) => void) {
    this.#onEvent = onEvent
  }

  feed(piece: string): void {
    const text = this.#endedInReturn || piece.includes('\r') ? this.#withoutReturns(piece) : piece
    let end = text.indexOf('\n')
    if (end === -1) {
      this.#line += text
      return
    }
    this.#takeLine(this.#line + text, 0, this.#line.length + end)
    let start = end + 1
    for (end = text.indexOf('\n', start); end !== -1; end = text.indexOf('\n', start)) {
      this.#takeLine(text, start, end)
      start = end + 1
    }
    this.#line = text.slice(start)
  }

  /** With LF for every end of a line; the LF of a CR at the end of the last piece is skipped. */
  #withoutReturns(piece: string): string {
    const text = this.#endedInReturn && piece.startsWith('\n') ? piece.slice(1) : piece
    if (piece !== '') this.#endedInReturn = piece.endsWith('\r')
    return text.replace(/\r\n?/g, '\n')
  }

  #takeLine(text: string, start: number, end: number): void {
    if (start === end) this.#dispatch()
    else if (text.startsWith('data:', start)) {
      const value = fieldValue(text, start + 5, end)
      this.#data = this.#data === undefined ? value : `${this.#data}\n${value}`
    } else if (text.startsWith('event:', start)) this.#event = fieldValue(text, start + 6, end)
  }

  #dispatch(): void {
    const data = this.#data
    const event = this.#event
    this.#data = undefined
    this.#event = undefined
    if (data !== undefined) this.#onEvent(data, event)
  }
}

/** One blank behind the colon belongs to the notation. */
function fieldValue(text: string, start: number, end: number): string {
  return text.slice(text[start] === ' ' ? start + 1 : start, end)
}
