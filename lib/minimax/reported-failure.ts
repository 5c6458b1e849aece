import { excerpt } from '../../router/clip.ts'
import { ModelError, type ModelErrorFields } from '../loop/model-error.ts'
import { maskToken } from './mask-token.ts'

/** What a failure is shown with. */
export interface Showing {
  /** Never shown, whoever quotes it. */
  readonly token: string
  /** The host that the token was sent to. */
  readonly host: string
  /** The id of the request in the response's headers. */
  readonly requestId: string | undefined
}

/** More than is ever shown, so that a secret that the end cuts in two is not shown either. */
const mostWords = 4096

/**
 * A failure in the server's own words. They are kept whole, because a secret in them is recognised only as a whole:
 * what leaves the client is what {@link shownError} makes of them.
 */
export class ReportedFailure extends ModelError {
  readonly #words: string
  readonly #fields: ModelErrorFields

  constructor(words: string, fields: ModelErrorFields) {
    super(messageOf(words.slice(0, mostWords), fields), fields)
    this.#words = words.slice(0, mostWords)
    this.#fields = fields
  }

  /** As it may leave the client. */
  shown({ token, host, requestId }: Showing): ModelError {
    const { code, requestId: own = requestId, ...fields } = this.#fields
    const advice =
      fields.kind === 'authentication'
        ? `. Check ANTHROPIC_AUTH_TOKEN. A key is bound to the hosts of its region; this one went to ${host}.`
        : ''
    return new ModelError(`${messageOf(maskToken(this.#words, token), fields)}${advice}`, {
      ...fields,
      ...(code === undefined ? {} : { code: label(code, token) }),
      ...(own === undefined ? {} : { requestId: label(own, token) }),
    })
  }
}

/** A failure of reading a response, as it may leave the client. */
export function shownError(error: unknown, showing: Showing): unknown {
  if (error instanceof ReportedFailure) return error.shown(showing)
  if (!(error instanceof ModelError) || showing.requestId === undefined) return error
  return new ModelError(error.message, { ...error, requestId: label(showing.requestId, showing.token) })
}

function messageOf(words: string, { status }: ModelErrorFields): string {
  return `MiniMax: ${excerpt(printable(words), 400) || 'an error without a message'} [HTTP ${status}]`
}

function label(text: string, token: string): string {
  return printable(maskToken(text.slice(0, mostWords), token)).slice(0, 100)
}

/** On one line, and without what would move a terminal's cursor or turn the direction of the text. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\s\u202a-\u202e\u2066-\u2069]+/gu, ' ').trim()
}
