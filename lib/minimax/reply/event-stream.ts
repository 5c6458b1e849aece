import { StringDecoder } from 'node:string_decoder'
import { ModelError } from '../../loop/errors.ts'
import type { ModelReply } from '../../loop/model.ts'
import type { BodyReader, ResponseHead } from '../transport.ts'
import { readCompletion } from './completion.ts'
import type { StreamedCompletion } from './streamed-completion.ts'

/** Milliseconds without an event after which a complete reply is returned, although the server may still send usage. */
const usageWaitMs = 2000
/** Milliseconds after `[DONE]` until the reply is returned, although the server has not ended the response. */
const doneWaitMs = 250

/** Whether a text consists of server-sent events: its first line names a field, or is a comment. */
export function looksLikeEvents(text: string): boolean {
  return /^\s*(?:data|event|id|retry)?:/.test(text)
}

/**
 * Reads a body of server-sent events as it arrives. A body of any other kind is read as a whole. If the connection breaks
 * or hangs after the reply is complete, the reply counts.
 */
export class EventBody<T> implements BodyReader<T> {
  readonly #completion: StreamedCompletion
  readonly #completed: () => T
  readonly #other: (text: string) => T
  readonly #decoder = new StringDecoder('utf8')
  readonly #earlyEnd: EarlyEnd
  readonly #events: EventReader
  /** Text that was not read yet. */
  #text = ''
  #form: 'unknown' | 'events' | 'other' = 'unknown'
  #endedEarly = false

  /**
   * @param completed called when the last event is in the completion.
   * @param other called with the text of a body that has no events.
   */
  constructor(
    completion: StreamedCompletion,
    { endEarly }: Pick<ResponseHead, 'endEarly'>,
    completed: () => T,
    other: (text: string) => T,
  ) {
    this.#completion = completion
    this.#completed = completed
    this.#other = other
    this.#earlyEnd = new EarlyEnd(completion, () => {
      this.#endedEarly = true
      endEarly()
    })
    this.#events = new EventReader(completion)
  }

  /** @throws {ModelError} for an error event, and for an event that is not JSON. */
  take(chunk: Buffer): void {
    this.#text += this.#decoder.write(chunk)
    if (this.#form === 'unknown') {
      this.#text = this.#text.trimStart()
      if (!isUndecided(this.#text)) this.#form = looksLikeEvents(this.#text) ? 'events' : 'other'
    }
    if (this.#form !== 'events') return
    if (this.#events.feed(this.#text)) this.#earlyEnd.watch()
    this.#text = ''
  }

  /** Ends the body, with the error that cut it short, if any. @throws that error if the reply is not complete. */
  end(error?: unknown): T {
    this.#earlyEnd.close()
    if (error !== undefined) {
      this.#events.stop()
      if (this.#isLost()) throw error
    }
    if (this.#form !== 'events') return this.#other(this.#text + this.#decoder.end())
    // The last event counts even if the empty line after it is missing.
    if (error === undefined && !this.#endedEarly) this.#events.feed('\n\n')
    return this.#completed()
  }

  /** Whether a part of the reply is missing in a body that was cut short. */
  #isLost(): boolean {
    const { isComplete, continuedAfterFinish } = this.#completion
    return this.#events.failed || !isComplete || continuedAfterFinish
  }
}

/** Reads a whole text of server-sent events. */
export function readEventText(text: string, completion: StreamedCompletion): void {
  new EventReader(completion).feed(`${text}\n\n`)
}

/** The reply of a stream that has ended. @throws {ModelError} if the reply is not complete. */
export function replyOf(completion: StreamedCompletion, status: number): ModelReply {
  if (completion.isComplete) return readCompletion(completion.completion, status)
  throw new ModelError('The stream ended before the reply was complete.', { code: 'network', retryable: true, status })
}

/** Hands the events of a stream to its completion, however the text is cut into pieces. */
class EventReader {
  readonly #parser: EventParser
  #count = 0
  #isStopped = false
  /** Whether an event was an error or could not be read. A broken connection does not count. */
  failed = false

  constructor(completion: StreamedCompletion) {
    this.#parser = new EventParser((data, event) => {
      if (this.#isStopped) return
      this.#count++
      completion.push(data, event)
    })
  }

  /** Takes text. Returns whether it completed an event, and more may come. */
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

  /** Drops all further events, also those in the text that is being read: a listener may have aborted the call. */
  stop(): void {
    this.#isStopped = true
  }
}

/** Ends a response that stays open although its reply is complete. */
class EarlyEnd {
  readonly #completion: StreamedCompletion
  readonly #endResponse: () => void
  #timer: NodeJS.Timeout | undefined
  #isOver = false

  constructor(completion: StreamedCompletion, endResponse: () => void) {
    this.#completion = completion
    this.#endResponse = endResponse
  }

  /** Restarts the wait: call it after each event. */
  watch(): void {
    const { isComplete, isOver } = this.#completion
    if (!isComplete) return
    if (this.#timer !== undefined && this.#isOver === isOver) {
      this.#timer.refresh()
      return
    }
    clearTimeout(this.#timer)
    this.#isOver = isOver
    this.#timer = setTimeout(this.#endResponse, isOver ? doneWaitMs : usageWaitMs)
  }

  close(): void {
    clearTimeout(this.#timer)
  }
}

/** Whether a text is too short to tell if it consists of events: a stream may arrive byte by byte. */
function isUndecided(beginning: string): boolean {
  return /^(?:d(?:a(?:ta?)?)?|e(?:v(?:e(?:nt?)?)?)?|id?|r(?:e(?:t(?:ry?)?)?)?)?$/.test(beginning)
}

/**
 * Splits a stream of server-sent events, which may be cut anywhere. Lines end in LF, CR or both; an empty line ends an
 * event. Only the fields `data` and `event` are used.
 *
 *   event: message
 *   data: {"choices":[…]}
 *
 *   data: [DONE]
 *
 * @internal Exported for its tests.
 */
export class EventParser {
  readonly #onEvent: (data: string, event: string | undefined) => void
  /** The beginning of an incomplete line. */
  #line = ''
  #data: string | undefined
  #event: string | undefined
  #endedInReturn = false

  constructor(onEvent: (data: string, event: string | undefined) => void) {
    this.#onEvent = onEvent
  }

  /** Takes the next text, and calls back for each event that it completes. */
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

  /** Replaces all line ends by LF. If the last piece ended in CR, an LF at the beginning belongs to it. */
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

/** The value of a field. One blank after the colon is not part of it. */
function fieldValue(text: string, start: number, end: number): string {
  return text.slice(text[start] === ' ' ? start + 1 : start, end)
}
