// A cassette is a file of JSON lines, one per model call:
//
//   {"version":1,"key":"<SHA-256 of the request>","model":{"name":"…","provider":"…"},
//    "request":{"messages":[…],"tools":[…]},"outcome":{"reply":{"message":{…},"finish_reason":"stop","usage":{…}}}}
//
// A failed call has `{"error":{…}}` as its outcome. The key decides which line answers a request; the request is kept so
// that a miss can show the difference.

import { createHash } from 'node:crypto'
import { appendFileSync, existsSync, mkdirSync, readFileSync, truncateSync } from 'node:fs'
import { dirname } from 'node:path'
import { TenroundsError } from '../../../router/errors.ts'
import { canonicalJson, isObject, parseJson } from '../../../router/json/json.ts'
import { redactDeep } from '../../../router/text/redact.ts'
import { ModelError, type ModelErrorCode, type RunError, toRunError } from '../../loop/errors.ts'
import {
  type ModelReply,
  type ModelRequest,
  type UsageRecord,
  usageOf,
  usageRecord,
  validUsage,
} from '../../loop/model.ts'
import { CassetteError } from '../errors.ts'

/** One line of a cassette: a request and its outcome. */
export interface CassetteEntry {
  /** Version of this format. */
  readonly version: 1
  /** SHA-256 of the request, in hexadecimal. */
  readonly key: string
  /** Name and provider of the recorded model. */
  readonly model: { readonly name: string; readonly provider: string }
  /** The request, with secrets masked. */
  readonly request: RequestDocument
  /** The reply, or the error that the model rejected with. Secrets are masked. */
  readonly outcome: { readonly reply: ReplyDocument } | { readonly error: RunError }
}

/** The part of a request that decides the reply, with secrets masked. Deadline and signal are not part of it. */
export interface RequestDocument {
  /** The messages in wire order. */
  readonly messages: readonly unknown[]
  /** The declared tools; absent if tools are off. */
  readonly tools?: readonly unknown[]
}

/** A {@link ModelReply} with the field names of JSON documents. */
interface ReplyDocument {
  /** The assistant message as the model sent it. */
  readonly message: ModelReply['message']
  /** Reason why the model stopped. */
  readonly finish_reason: ModelReply['finishReason']
  /** Token counts. */
  readonly usage: UsageRecord
  /** The server's id of the reply. */
  readonly id?: string | undefined
  /** The model that answered, as the server names it. */
  readonly model?: string | undefined
  /** The way in which the tools were sent; absent for `native`. */
  readonly protocol?: ModelReply['protocol']
}

/**
 * Makes a cassette ready for writing: creates its folder, and removes an incomplete last line of a killed process, because
 * the next line would be appended to it.
 */
export function openCassette(file: string): void {
  mkdirSync(dirname(file), { recursive: true })
  if (!existsSync(file)) return
  const bytes = readFileSync(file)
  truncateSync(file, bytes.lastIndexOf('\n') + 1)
}

/** Appends one line in one write, so that a killed process leaves at most the last line incomplete. */
export function appendEntry(file: string, entry: CassetteEntry): void {
  appendFileSync(file, `${JSON.stringify(entry)}\n`)
}

/**
 * The entries of a cassette. An incomplete last line is ignored.
 *
 * @throws {CassetteError} if the file does not exist, or another line is not an entry of this version.
 */
export function readCassette(file: string): readonly CassetteEntry[] {
  if (!existsSync(file)) {
    throw new CassetteError(
      'cassette_not_found',
      `The cassette ${file} does not exist. Record it with recordModel(model, file).`,
    )
  }
  const lines = readFileSync(file, 'utf8').split('\n')
  // Every complete line ends in a line break, so the text after the last one is incomplete or empty.
  lines.pop()
  return lines.flatMap((line, index) => (line.trim() === '' ? [] : [readEntry(line, `${file}:${index + 1}`)]))
}

function readEntry(line: string, place: string): CassetteEntry {
  const entry = parseJson(line)
  if (!isObject(entry)) {
    throw new CassetteError(
      'invalid_cassette',
      `${place} is not a JSON object. Restore the file, or delete it and record it again.`,
    )
  }
  if (entry['version'] !== 1 || typeof entry['key'] !== 'string' || !isObject(entry['outcome'])) {
    const version = JSON.stringify(entry['version'])
    throw new CassetteError(
      'invalid_cassette',
      `${place} is not an entry of version 1 (its version is ${version}). Delete the file and record it again.`,
    )
  }
  return entry as object as CassetteEntry
}

/** The outcome of a successful call. */
export function replied({ message, finishReason, usage, id, model, protocol }: ModelReply): CassetteEntry['outcome'] {
  const counts = usageRecord(validUsage(usage))
  return { reply: redactDeep({ message, finish_reason: finishReason, usage: counts, id, model, protocol }) }
}

/** The outcome of a failed call. */
export function failed(error: unknown): CassetteEntry['outcome'] {
  return { error: toRunError(error) }
}

/**
 * Replays an entry.
 *
 * @throws the recorded error, if the call failed.
 */
export function replay({ outcome }: CassetteEntry): ModelReply {
  if ('error' in outcome) throw recordedError(outcome.error)
  const { message, finish_reason, usage, id, model, protocol } = outcome.reply
  return {
    message,
    finishReason: finish_reason,
    usage: usageOf(usage),
    ...(id === undefined ? {} : { id }),
    ...(model === undefined ? {} : { model }),
    ...(protocol === undefined ? {} : { protocol }),
  }
}

function recordedError({ name, message, code, retryable = false, ...fields }: RunError): Error {
  if (name !== 'ModelError') {
    const error = code === undefined ? new Error(message) : new TenroundsError(code, message)
    return Object.assign(error, { name })
  }
  const { retry_after_ms, status, provider_code, request_id } = fields
  return new ModelError(message, {
    // It was written from a ModelError.
    code: code as ModelErrorCode,
    retryable,
    ...(retry_after_ms !== undefined && { retryAfterMs: retry_after_ms }),
    ...(status !== undefined && { status }),
    ...(provider_code !== undefined && { providerCode: provider_code }),
    ...(request_id !== undefined && { requestId: request_id }),
  })
}

/** The part of a request that is recorded and compared. */
export function requestDocument({ messages, tools }: ModelRequest): RequestDocument {
  return redactDeep({
    messages: messages.map(({ json }): unknown => JSON.parse(json)),
    ...(tools === undefined ? {} : { tools: JSON.parse(tools) }),
  })
}

/** SHA-256 of a request, in hexadecimal. The order of members does not matter. */
export function requestKey(document: RequestDocument): string {
  return createHash('sha256').update(canonicalJson(document)).digest('hex')
}
