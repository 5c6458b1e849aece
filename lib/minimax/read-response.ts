import type { ModelReply } from '../loop/model.ts'
import { ModelError } from '../loop/model-error.ts'
import { errorOfResponse } from './classify.ts'
import { readCompletion } from './completion.ts'
import { documentsIn } from './embedded-json.ts'
import { ErrorBody } from './error-body.ts'
import type { BodyReader, ResponseHead } from './exchange.ts'
import { shownError } from './reported-failure.ts'
import { retryAfterOf } from './retry-after.ts'
import { EventBody, looksLikeEvents, readEventText, replyOf } from './stream/event-body.ts'
import { ShownText } from './stream/shown-text.ts'
import { StreamedCompletion } from './stream/streamed-completion.ts'
import { WholeBody } from './whole-body.ts'

export interface ReadingOptions {
  readonly stream: boolean
  /** Kept out of every error, whoever quotes it. */
  readonly token: string
  /** The host that the request went to. */
  readonly host: string
  readonly onText: ((text: string) => void) | undefined
}

/**
 * Reads the reply in a response, streamed or not; what was asked for and what the headers say is not relied on: servers
 * send a JSON body for a stream, and the other way round. At the end a {@link ModelError} is thrown where the response is
 * an error, carries one, or is no chat completion.
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
        throw shownError(error, { ...options, requestId })
      }
    },
  }
}

function readerOf(head: ResponseHead, { stream, onText }: ReadingOptions): BodyReader<ModelReply> {
  const { status, header } = head
  const wait = (text: string) => retryAfterOf(header, text, Date.now())
  if (status < 200 || status >= 300) {
    return new ErrorBody(head, (text) => {
      throw errorOfResponse(status, documentsIn(text).flat(), text, wait(text))
    })
  }
  const shown = onText === undefined ? undefined : new ShownText(onText)
  const whole = (text: string) => ended(readWhole(text))
  if (!stream) return new WholeBody(whole)
  const completion = newCompletion()
  return new EventBody(completion, head, () => ended(replyOf(completion, status)), whole)

  function ended(reply: ModelReply): ModelReply {
    shown?.end(reply)
    return reply
  }

  function readWhole(text: string): ModelReply {
    const document = parse(text)
    if (document !== undefined) return readCompletion(document, status, () => wait(text))
    if (looksLikeEvents(text)) {
      const completion = newCompletion()
      readEventText(text, completion)
      return replyOf(completion, status)
    }
    const message = 'The response is not JSON, or was cut off. Check that the URL is a chat-completions endpoint.'
    throw new ModelError(message, { kind: 'protocol', retryable: true, status })
  }

  function newCompletion(): StreamedCompletion {
    return new StreamedCompletion({
      retryAfterMs: wait,
      onContent: (text) => shown?.add(text),
    })
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
