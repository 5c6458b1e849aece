import { redactDeep } from '../../../router/redact.ts'
import type { ModelReply } from '../../loop/model.ts'
import { ModelError, type ModelErrorFields } from '../../loop/model-error.ts'
import { toRunError } from '../../loop/run-error.ts'
import type { RequestDocument } from './request-document.ts'

/** One line of a cassette: a request and what came of it. */
export interface CassetteEntry {
  readonly version: 1
  /** SHA-256 of the request. */
  readonly key: string
  readonly model: { readonly name: string; readonly provider: string }
  readonly request: RequestDocument
  readonly outcome: { readonly reply: ModelReply } | { readonly error: RecordedError }
}

interface RecordedError extends Partial<ModelErrorFields> {
  readonly name: string
  readonly message: string
}

/** The outcome of a call as plain data, secrets masked. */
export function replied(reply: ModelReply): CassetteEntry['outcome'] {
  return { reply: redactDeep(reply) }
}

export function failed(error: unknown): CassetteEntry['outcome'] {
  return { error: toRunError(error) }
}

/** @throws the error, where the call failed when it was recorded. */
export function play({ outcome }: CassetteEntry): ModelReply {
  if ('reply' in outcome) return outcome.reply
  const { name, message, kind, retryable = false, ...fields } = outcome.error
  if (kind !== undefined) throw new ModelError(message, { kind, retryable, ...fields })
  throw Object.assign(new Error(message), { name })
}
