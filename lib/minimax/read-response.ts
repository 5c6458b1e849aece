import { withoutThinking } from '../../router/thinking.ts'
import type { ModelReply } from '../loop/model.ts'
import { ModelError } from '../loop/model-error.ts'
import { errorOfResponse } from './classify.ts'
import { readCompletion } from './completion.ts'
import { retryAfterOf } from './retry-after.ts'
import { looksLikeEvents, readEvents, readEventText, replyOf } from './stream/read-events.ts'
import { StreamedCompletion } from './stream/streamed-completion.ts'
import { VisibleText } from './stream/visible-text.ts'
import type { HttpResponse } from './transport.ts'

export interface ReadingOptions {
  readonly stream: boolean
  /** Never handed on, whoever quotes it. */
  readonly token: string
  readonly onText: ((text: string) => void) | undefined
}

/**
 * The reply in a response, streamed or not; what was asked for and what the headers say is not relied on: servers send
 * a JSON body for a stream, and the other way round.
 *
 * @throws {ModelError} where the response is an error, carries one, or is no chat completion.
 */
export async function readResponse(response: HttpResponse, options: ReadingOptions): Promise<ModelReply> {
  const { status, body, retryAfter } = response
  const wait = (text: string) => retryAfterOf(retryAfter, text, Date.now())
  if (status < 200 || status >= 300) {
    const text = withoutToken(await body.text(), options.token)
    throw errorOfResponse(status, parse(text), text, wait(text))
  }
  const shown = options.onText === undefined ? undefined : new Shown(options.onText)
  const reply = options.stream ? await readStream() : readWhole(withoutToken(await body.text(), options.token))
  shown?.end(reply)
  return reply

  async function readStream(): Promise<ModelReply> {
    const completion = newCompletion()
    const whole = await readEvents(body, completion)
    return whole === undefined ? replyOf(completion, status) : readWhole(withoutToken(whole, options.token))
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
      clean: (data) => withoutToken(data, options.token),
      retryAfterMs: wait,
      onContent: (text) => shown?.add(text),
    })
  }
}

/** Hands visible text on, once, in whichever way it came. */
class Shown {
  readonly #onText: (text: string) => void
  readonly #visible = new VisibleText()
  #any = false

  constructor(onText: (text: string) => void) {
    this.#onText = onText
  }

  add(content: string): void {
    if (content === '') return
    this.#any = true
    this.#show(this.#visible.push(content))
  }

  end({ message: { content } }: ModelReply): void {
    if (this.#any) this.#show(this.#visible.end())
    else if (typeof content === 'string') this.#show(withoutThinking(content))
  }

  #show(text: string): void {
    if (text === '') return
    try {
      this.#onText(text)
    } catch {
      // A listener that throws must not cost a reply that was paid for.
    }
  }
}

/** A server may quote the token it refuses: whatever form the text has, it goes no further than here. */
function withoutToken(text: string, token: string): string {
  return text.includes(token) ? text.replaceAll(token, '[redacted]') : text
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
