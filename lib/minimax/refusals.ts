// Endpoints that speak the chat-completions protocol do not know all of its fields. What a request can do without is left
// out when the endpoint refuses it, and stays left out for that client.

import { ModelError, type ModelErrorCode } from '../loop/errors.ts'

/**
 * A part of a request that can be left out.
 *
 * - `tools`: the tools are described in the system message, and calls are written as JSON.
 * - `schemas`: the tools are sent with their plain schemas.
 * - `reasoning_split`: thinking comes in the content.
 * - `stream_options`: a stream may come without usage.
 * - `max_completion_tokens`: its older name `max_tokens` is sent.
 * - `reply_fields`: of earlier replies only text and tool calls are sent back, without thinking.
 */
export type OptionalPart =
  | 'tools'
  | 'schemas'
  | 'reasoning_split'
  | 'stream_options'
  | 'max_completion_tokens'
  | 'reply_fields'

/** The parts that an endpoint refused. All models of one client share it. */
export class Refusals {
  #parts: ReadonlySet<OptionalPart> = new Set()

  /** The parts that were refused so far. A part that is refused later is not added to this set. */
  get parts(): ReadonlySet<OptionalPart> {
    return this.#parts
  }

  /** Remembers that the endpoint refused a part. */
  add(part: OptionalPart): void {
    this.#parts = new Set([...this.#parts, part])
  }
}

/**
 * The part of a request that an endpoint refused; `undefined` if the error has another reason.
 *
 * @param sent the parts that were in the request.
 * @param hasPlainSchemas whether the schemas have a plainer form.
 */
export function refusedPart(
  error: unknown,
  sent: readonly OptionalPart[],
  hasPlainSchemas: () => boolean,
): OptionalPart | undefined {
  if (!(error instanceof ModelError) || !refusalCodes.has(error.code)) return undefined
  return sent.find((part) => tests[part](error) && (part !== 'schemas' || hasPlainSchemas()))
}

const refusalCodes: ReadonlySet<ModelErrorCode> = new Set(['invalid_request', 'server'])

const tests: Readonly<Record<OptionalPart, (error: ModelError) => boolean>> = {
  // No other field has a similar name, so a request that fails because of it does better without it.
  reasoning_split: (error) => /\breasoning_split\b/.test(withoutKnownNames(error.message)),
  stream_options: (error) => /\bstream_options\b/.test(withoutKnownNames(error.message)),
  // A value that is too large is the caller's.
  max_completion_tokens: (error) =>
    /\bmax_completion_tokens\b/.test(withoutKnownNames(error.message)) && isUnknown.test(error.message),
  reply_fields: refusesReplyFields,
  schemas: refusesSchemas,
  tools: refusesTools,
}

/** Lists of the names that a server does know: "expected one of `messages`, `tools`, …". */
const knownNames =
  /(?:\bexpected one of\b|(?<!\bnot |n't )\b(?:known|supported|valid|allowed|accepted|permitted|available) (?:fields|parameters|params|arguments|args|properties|keys|names|options)\b).*$/is

function withoutKnownNames(message: string): string {
  return message.replace(knownNames, '')
}

/** Words of servers for a field that they do not know. */
const isUnknown =
  /\b(?:unknown|unrecogni[sz]ed|unsupported|unexpected|extra(?:neous)?|extra_forbidden|cannot find|should not exist|additional propert)|\bnot (?:a )?(?:supported|permitted|allowed|valid|recogni[sz]ed|known)|n't support/i

/** Messages of servers that do not know the field `tools`. */
const unknownTools = [
  /\b(?:unknown|unsupported|unrecogni[sz]ed|unexpected|extra(?:neous)?) (?:request |keyword |input )?(?:field|parameter|argument|name|key|property)(?:s|\(s\))?(?: in \w+)?(?: supplied)?:? [["'`\\]*tools\b/i,
  /["'`]tools["'`] (?:field|parameter|argument)? ?is (?:unknown|unsupported|not supported|not allowed)/i,
  /(?:\s|\bbody\.)tools: .{0,40}\b(?:unknown|unrecogni[sz]ed|unsupported|not (?:supported|permitted|allowed))/i,
  /\bproperty ["'`]?tools["'`]? (?:is (?:unknown|unsupported|not)|should not exist)/i,
]

/** Messages of servers without support for tools. */
const noTools = [
  ...unknownTools,
  /\b(?:tools?|tool[ _](?:use|calls?|calling|choice)|functions?(?:[ _]call(?:s|ing)?)?)\b.{0,60}(?:\bnot|n't|\bun)[ -]?(?:yet )?(?:be )?(?:support|implement|allow|permit|enabl|available)/i,
  /(?:\bnot|n't|\bun)[ -]?(?:yet )?(?:support|implement|allow|permit)\w*.{0,40}\b(?:tools?|tool[ _](?:use|calls?|calling|choice)|function[ _]call)/i,
  /\b(?:unrecogni[sz]ed|unexpected|unsupported|extra)\b.{0,40}["'`: ]tools\b/i,
  /No endpoints found that support tool/i,
  /Failed to fetch tools/i,
  /requires --(?:enable-auto-tool-choice|jinja)\b/i,
]

/** Messages about one tool, a part of it, or the number of tools: the field itself is supported. */
const oneTool = [
  /\btools?(?:\[|\.)["'`]?\d|\btools?["'`],\s*\d|\b\d+ (?:tools|functions)\b/i,
  /\bparameters\b(?!:? ["'`\\[]*tools\b)|\bkeyword\b(?! argument)|\b(?:tool|function)s?(?:'s)? (?:input |parameter )?schemas?\b/i,
  /\b(?:function|tool)(?:'s)?[ _.]names?\b|\bcharacters\b|\bduplicate|\btoo many\b|\bat most\b|\bmaximum\b/i,
]

/**
 * Whether an endpoint refused a request because it does not support the field `tools`. MiniMax supports it: its code 2013
 * means that a tool is invalid, unless the message says that the field is unknown.
 */
function refusesTools(error: ModelError): boolean {
  const message = withoutKnownNames(error.message)
  if (oneTool.some((pattern) => pattern.test(message))) return false
  return (isMinimax(error) ? unknownTools : noTools).some((pattern) => pattern.test(message))
}

/**
 * Messages about the schema of a tool: a keyword that the server does not know, a form that it cannot turn into a grammar,
 * or MiniMax's "invalid tool type", which it also says about a property without `type`.
 */
const schemaWords = [
  /\bunsupported[_ ]keyword\b|\bkeyword\b(?! argument)/i,
  /\binvalid tool types?\b/i,
  /\bschemas?\b|\bgrammar\b/i,
  /\btools?\b.{0,40}\bparameters\b|\bfunction[_ .]?(?:declarations|parameters)\b/i,
  /\$(?:ref|defs)\b|\b(?:anyOf|oneOf|allOf|additionalProperties)\b/,
]

/** Messages about the answer's schema, or about a call that the model wrote. */
const otherSchemas = /\bresponse_format\b|\btool[ _]call\b|\btool_use_failed\b|(?:\bnot|n't) match\b/i

function refusesSchemas(error: ModelError): boolean {
  const text = `${error.message} ${error.providerCode ?? ''}`
  if (otherSchemas.test(text)) return false
  return schemaWords.some((pattern) => pattern.test(text))
}

/** Fields of a reply that some servers send and others, or even the same, refuse in a request. */
const replyField = /\b(?:reasoning(?:_content|_details)?|refusal|annotations|audio(?:_content)?|name)\b/

function refusesReplyFields({ message }: ModelError): boolean {
  return /\bmessages?\b|\bassistant\b/.test(message) && replyField.test(message) && isUnknown.test(message)
}

function isMinimax({ message, providerCode }: ModelError): boolean {
  return providerCode === '2013' || message.includes('(2013)')
}
