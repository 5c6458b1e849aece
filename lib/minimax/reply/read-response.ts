import { parseJson, unparsable } from '../../../router/json/json.ts'
import type { TextOptions } from '../../../router/reading/read-reply.ts'
import { ReplyTextStream } from '../../../router/reading/reply-text-stream.ts'
import { ModelError } from '../../loop/errors.ts'
import type { ModelReply } from '../../loop/model.ts'
import { errorOfResponse, maskError } from '../errors/classify-error.ts'
import { documentsIn } from '../errors/error-body.ts'
import { retryAfterOf } from '../retry.ts'
import type { BodyReader, ResponseHead } from '../transport.ts'
import { readCompletion } from './completion.ts'
import { EventBody, looksLikeEvents, readEventText, replyOf } from './event-stream.ts'
import { StreamedCompletion } from './streamed-completion.ts'

interface ReadingOptions {
  /** Whether a stream was asked for. The server may send another form. */
  readonly stream: boolean
  /** The token and secrets of headers. They are masked in every error message, because servers quote them. */
  readonly secrets: readonly string[]
  /** The host that the request went to. */
  readonly host: string
  /** Gets the visible text of the reply. */
  readonly listener: TextListener | undefined
}

/** A function that gets the visible text of a reply, and what is needed to tell it from calls. */
export interface TextListener extends TextOptions {
  /** Called with each new piece of text. */
  readonly onText: (text: string) => void
}

/**
 * Reads the reply in a response, streamed or not. The form is recognised by the body, not by the headers: servers send a
 * JSON body when a stream was asked for, and the other way round. The end of the reader throws a {@link ModelError} if the
 * response is an error, carries one, or is not a chat completion.
 */
export function readResponse(head: ResponseHead, options: ReadingOptions): BodyReader<ModelReply> {
  const reader = readerOf(head, options)
  return {
    take: (chunk) => reader.take(chunk),
    end(cutShortBy) {
      try {
        return reader.end(cutShortBy)
      } catch (error) {
        const requestId = ['trace-id', 'minimax-request-id', 'x-request-id'].map(head.header).find((id) => id)
        throw maskError(error, { ...options, requestId })
      }
    },
  }
}

function readerOf(head: ResponseHead, { stream, listener }: ReadingOptions): BodyReader<ModelReply> {
  const { status, header } = head
  const wait = (text: string) => retryAfterOf(header, text, Date.now())
  if (status < 200 || status >= 300) {
    return new ErrorBody(head, (text) => {
      throw errorOfResponse(status, documentsIn(text).flat(), text, wait(text))
    })
  }
  const shown = listener === undefined ? undefined : new ShownText(listener)
  const whole = (text: string) => ended(readWhole(text))
  if (!stream) return new WholeBody(whole)
  const completion = newCompletion()
  return new EventBody(completion, head, () => ended(replyOf(completion, status)), whole)

  function ended(reply: ModelReply): ModelReply {
    shown?.end(reply)
    return reply
  }

  function readWhole(text: string): ModelReply {
    // Unknown fields may nest as deep as they like.
    const document = parseJson(text, { anyDepth: true })
    if (document !== unparsable) return readCompletion(document, status, () => wait(text))
    if (looksLikeEvents(text)) {
      const completion = newCompletion()
      readEventText(text, completion)
      return replyOf(completion, status)
    }
    const message = 'The response is not JSON, or was cut off. Check that the URL is a chat-completions endpoint.'
    throw new ModelError(message, { code: 'protocol', retryable: true, status })
  }

  function newCompletion(): StreamedCompletion {
    return new StreamedCompletion({
      retryAfterMs: wait,
      onContent: (text) => shown?.add(text),
    })
  }
}

/** Hands the visible text of one reply to its listener, as it arrives. */
class ShownText {
  readonly #onText: (text: string) => void
  readonly #text: ReplyTextStream

  constructor(listener: TextListener) {
    this.#onText = listener.onText
    this.#text = new ReplyTextStream(listener)
  }

  add(content: string): void {
    this.#show(this.#text.push(content))
  }

  end({ message }: ModelReply): void {
    this.#show(this.#text.end(message))
  }

  #show(text: string): void {
    if (text === '') return
    try {
      this.#onText(text)
    } catch {
      // A listener that throws must not lose a reply that was paid for.
    }
  }
}

const byteOrderMark = '\ufeff'

/** A body that is read as a whole. */
class WholeBody<T> implements BodyReader<T> {
  readonly #read: (text: string) => T
  readonly #chunks: Buffer[] = []

  constructor(read: (text: string) => T) {
    this.#read = read
  }

  take(chunk: Buffer): void {
    this.#chunks.push(chunk)
  }

  end(error?: unknown): T {
    if (error !== undefined) throw error
    const [first, ...others] = this.#chunks
    const bytes = first === undefined || others.length > 0 ? Buffer.concat(this.#chunks) : first
    const text = bytes.toString()
    return this.#read(text.startsWith(byteOrderMark) ? text.slice(1) : text)
  }
}

/** Bytes of an error response that are read: far more than an error needs. */
const maxErrorBodyBytes = 65_536
/** Milliseconds to wait for the body of an error response. Its status is known already. */
const errorBodyWaitMs = 2_000

/**
 * The text of an error response, as far as it arrives soon. If the body breaks off, hangs or never ends, the status still
 * tells what failed.
 */
class ErrorBody implements BodyReader<never> {
  readonly #fail: (text: string) => never
  readonly #endEarly: () => void
  readonly #timer: NodeJS.Timeout
  readonly #chunks: Buffer[] = []
  #length = 0

  /** @param fail throws the error that the text describes. */
  constructor({ endEarly }: ResponseHead, fail: (text: string) => never) {
    this.#fail = fail
    this.#endEarly = endEarly
    this.#timer = setTimeout(endEarly, errorBodyWaitMs)
  }

  take(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#length += chunk.length
    if (this.#length >= maxErrorBodyBytes) this.#endEarly()
  }

  end(): never {
    clearTimeout(this.#timer)
    this.#fail(Buffer.concat(this.#chunks).toString('utf8', 0, maxErrorBodyBytes))
  }
}
