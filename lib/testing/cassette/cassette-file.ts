import { createHash } from 'node:crypto'
import { appendFileSync, existsSync, mkdirSync, readFileSync, truncateSync } from 'node:fs'
import { dirname } from 'node:path'
import { canonicalJson, isObject } from '../../../router/json/json.ts'
import { redactDeep } from '../../../router/text/redact.ts'
import { ModelError, type ModelErrorCode, type RunError, toRunError } from '../../loop/errors.ts'
import type { ModelReply, ModelRequest } from '../../loop/model.ts'

/**
 * Makes a cassette ready to be written: creates its folder, and cuts off a last line that a killed process left
 * half-written, which would else run into the next one.
 */
export function openCassette(file: string): void {
  mkdirSync(dirname(file), { recursive: true })
  if (!existsSync(file)) return
  const bytes = readFileSync(file)
  truncateSync(file, bytes.lastIndexOf('\n') + 1)
}

/** Appends one line in one write, so that a killed process leaves whole lines, and at most the last one torn. */
export function appendEntry(file: string, entry: CassetteEntry): void {
  appendFileSync(file, `${JSON.stringify(entry)}\n`)
}

/** @throws {Error} where the file is missing, or a line other than a torn last one is no entry of this version. */
export function readCassette(file: string): readonly CassetteEntry[] {
  if (!existsSync(file)) throw new Error(`There is no cassette ${file}. Record it with recordModel(model, file).`)
  const lines = readFileSync(file, 'utf8').split('\n')
  // Every whole line ends in a line break: what stands behind the last one was torn.
  lines.pop()
  return lines.flatMap((line, index) => (line.trim() === '' ? [] : [readEntry(line, `${file}:${index + 1}`)]))
}

function readEntry(line: string, place: string): CassetteEntry {
  const entry = parse(line)
  if (!isObject(entry)) throw new Error(`${place} is not JSON. Restore the file, or record the cassette anew.`)
  if (entry['version'] !== 1 || typeof entry['key'] !== 'string' || !isObject(entry['outcome'])) {
    throw new Error(
      `${place} is no entry of version 1 (version: ${JSON.stringify(entry['version'])}). Record the cassette anew.`,
    )
  }
  return entry as object as CassetteEntry
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

/** One line of a cassette: a request and what came of it. */
export interface CassetteEntry {
  readonly version: 1
  /** SHA-256 of the request. */
  readonly key: string
  readonly model: { readonly name: string; readonly provider: string }
  readonly request: RequestDocument
  readonly outcome: { readonly reply: ModelReply } | { readonly error: RunError }
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
  const { name, message, code, retryable = false, retry_after_ms, status, provider_code, request_id } = outcome.error
  if (name !== 'ModelError') throw Object.assign(new Error(message), { name, ...(code !== undefined && { code }) })
  throw new ModelError(message, {
    // It was written from a ModelError.
    code: code as ModelErrorCode,
    retryable,
    ...(retry_after_ms !== undefined && { retryAfterMs: retry_after_ms }),
    ...(status !== undefined && { status }),
    ...(provider_code !== undefined && { providerCode: provider_code }),
    ...(request_id !== undefined && { requestId: request_id }),
  })
}

/** What of a request decides the reply, secrets masked. Time and cancellation are no part of it. */
export interface RequestDocument {
  readonly messages: readonly unknown[]
  /** Absent where tools are off. */
  readonly tools?: readonly unknown[]
}

export function requestDocument({ messages, tools }: ModelRequest): RequestDocument {
  return redactDeep({
    messages: messages.map(({ json }): unknown => JSON.parse(json)),
    ...(tools === undefined ? {} : { tools: JSON.parse(tools) }),
  })
}

/** SHA-256 of the canonical document, in hex: equal for equal requests, whatever the order of their members. */
export function requestKey(document: RequestDocument): string {
  return createHash('sha256').update(canonicalJson(document)).digest('hex')
}
