import type { ModelReply } from '../loop/model.ts'
import { ModelError } from '../loop/model-error.ts'
import { errorOfResponse } from './classify.ts'
import { readCompletion } from './completion.ts'
import { documentsIn } from './embedded-json.ts'
import { readErrorBody } from './error-body.ts'
import { shownError } from './reported-failure.ts'
import { retryAfterOf } from './retry-after.ts'
import { looksLikeEvents, readEvents, readEventText, replyOf } from './stream/read-events.ts'
import { ShownText } from './stream/shown-text.ts'
import { StreamedCompletion } from './stream/streamed-completion.ts'
import type { HttpResponse } from './transport.ts'

export interface ReadingOptions {
  readonly stream: boolean
  /** Kept out of every error, whoever quotes it. */
  readonly token: string
  /** The host that the request went to. */
  readonly host: string
  readonly onText: ((text: string) => void) | undefined
}

/**
 * The reply in a response, streamed or not; what was asked for and what the headers say is not relied on: servers send
 * a JSON body for a stream, and the other way round.
 *
 * @throws {ModelError} where the response is an error, carries one, or is no chat completion.
 */
export async function readResponse(response: HttpResponse, options: ReadingOptions): Promise<ModelReply> {
  try {
    return await readReply(response, options)
  } catch (error) {
    const requestId = ['trace-id', 'minimax-request-id', 'x-request-id'].map(response.header).find((id) => id)
    throw shownError(error, { ...options, requestId })
  }
}

async function readReply(
  { status, body, header }: HttpResponse,
  { stream, onText }: ReadingOptions,
): Promise<ModelReply> {
  const wait = (text: string) => retryAfterOf(header('retry-after'), text, Date.now())
  if (status < 200 || status >= 300) {
    const text = await readErrorBody(body)
    throw errorOfResponse(status, documentsIn(text).flat(), text, wait(text))
  }
  const shown = onText === undefined ? undefined : new ShownText(onText)
  const reply = stream ? await readStream() : readWhole(await body.text())
  shown?.end(reply)
  return reply

  async function readStream(): Promise<ModelReply> {
    const completion = newCompletion()
    const whole = await readEvents(body, completion)
    return whole === undefined ? replyOf(completion, status) : readWhole(whole)
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
