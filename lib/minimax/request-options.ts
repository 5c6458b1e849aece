// Options of a single request. They are given to `minimax()`, and to `with()` of a model for one run.

import { errorMessage } from '../../router/errors.ts'
import { findUnserializable, isObject, isPlain, isTooDeep, maxDepth } from '../../router/json/json.ts'
import { excerpt } from '../../router/text/clip.ts'
import { isSecretName } from '../../router/text/named-secrets.ts'
import { misconfigured } from './endpoint.ts'
import { type Check, numberFrom, wholeNumber, wrongValue } from './option-checks.ts'

/** Options that can differ between the runs of one client. An option that is `undefined` counts as not given. */
export interface RequestOptions {
  /** Randomness of the reply, from 0 to 2. Older models of MiniMax refuse 0. @defaultValue the server's, which is 1 */
  readonly temperature?: number | undefined
  /** Share of the probability that tokens are chosen from, from 0 to 1. @defaultValue the server's, 0.9 or 0.95 */
  readonly topP?: number | undefined
  /**
   * Maximum length of a completion in tokens, thinking included. At least 1. Thinking may use up a small limit before the
   * first word of the answer. @defaultValue the server's maximum
   */
  readonly maxOutputTokens?: number | undefined
  /**
   * Further HTTP headers, such as those of a gateway. Their values are masked in errors like the token. Headers that the
   * client sets itself, such as `authorization`, are refused. A header that is `undefined` is not sent.
   * @defaultValue no further headers
   */
  readonly headers?: Readonly<Record<string, string | undefined>> | undefined
  /**
   * Further fields of the request body, as JSON values, for example `{ top_k: 40, thinking: { type: 'disabled' } }`.
   * `reasoning_split` and `stream_options` replace the values of the client. Fields that belong to the loop, and those that
   * have an option of their own, are refused. A field that is `undefined` is not sent. `tool_choice` and
   * `parallel_tool_calls` are sent only together with tools.
   * @defaultValue no further fields
   */
  readonly body?: Readonly<Record<string, unknown>> | undefined
}

/** Options of a request in the form in which requests are built from them. */
export interface RequestSettings {
  /** Randomness of the reply; `undefined` for the server's. */
  readonly temperature: number | undefined
  /** Share of the probability; `undefined` for the server's. */
  readonly topP: number | undefined
  /** Maximum length of a completion, in tokens; `undefined` for the server's maximum. */
  readonly maxOutputTokens: number | undefined
  /** Further headers, by lower-case name. */
  readonly headers: Readonly<Record<string, string>>
  /** Further fields of the body as JSON texts, by name. */
  readonly body: ReadonlyMap<string, string>
  /** Texts of headers and fields that are masked in errors. */
  readonly secrets: readonly string[]
}

/** The settings of a client without any of these options. */
export const noSettings: RequestSettings = {
  temperature: undefined,
  topP: undefined,
  maxOutputTokens: undefined,
  headers: {},
  body: new Map(),
  secrets: [],
}

/**
 * Checked options as settings. They replace those of `base`; headers and fields of the body replace those of the same name.
 */
export function requestSettings(options: RequestOptions, base: RequestSettings = noSettings): RequestSettings {
  const { temperature = base.temperature, topP = base.topP, maxOutputTokens = base.maxOutputTokens } = options
  const headers: Record<string, string> = { ...base.headers }
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    if (value === undefined) delete headers[name.toLowerCase()]
    else headers[name.toLowerCase()] = value
  }
  const body = new Map(base.body)
  for (const [name, value] of Object.entries(options.body ?? {})) {
    if (value === undefined) body.delete(name)
    else body.set(name, jsonOf('body', name, value))
  }
  const secrets = [...base.secrets, ...Object.entries(options.headers ?? {}).flatMap(secretsIn)]
  collectSecrets(options.body, false, secrets)
  return { temperature, topP, maxOutputTokens, headers, body, secrets }
}

/** The whole value of a header. If its name says that it is secret, also its parts: a server may quote one without the scheme. */
function secretsIn([name, value]: readonly [string, string | undefined]): readonly string[] {
  if (value === undefined) return []
  return isSecretName(name) ? [value, ...value.split(/[\s;,=]+/)] : [value]
}

/** Adds the texts in a body that are below a member with a secret name. The body is checked, so it does not nest deep. */
function collectSecrets(value: unknown, isSecret: boolean, secrets: string[]): void {
  if (typeof value === 'string' && isSecret) secrets.push(value)
  if (Array.isArray(value)) for (const item of value) collectSecrets(item, isSecret, secrets)
  else if (isObject(value)) {
    for (const [name, member] of Object.entries(value)) {
      collectSecrets(member, isSecret || isSecretName(name), secrets)
    }
  }
}

/** The check of each request option. */
export const requestChecks: Readonly<Record<keyof RequestOptions, Check>> = {
  temperature: numberFrom(0, 2),
  topP: numberFrom(0, 1),
  maxOutputTokens: wholeNumber(1),
  headers: checkHeaders,
  body: checkBody,
}

/** Headers that the client or the HTTP protocol sets, with the next step where there is one. */
const ownHeaders: ReadonlyMap<string, string> = new Map([
  ['authorization', 'Pass the option "token" instead'],
  ['proxy-authorization', 'Write the credentials into the URL of the proxy instead'],
  ...[
    'accept',
    'accept-encoding',
    'connection',
    'content-encoding',
    'content-length',
    'content-type',
    'expect',
    'host',
  ].map((name): [string, string] => [name, 'Leave it out']),
  ...['keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'].map(
    (name): [string, string] => [name, 'Leave it out'],
  ),
])

/** RFC 9110, section 5.6.2: the characters of a header name. */
const headerName = /^[!#$%&'*+.^_`|~0-9a-z-]+$/i
/** Visible ASCII, blanks and tabs, as the token has them: other characters reach servers in different encodings. */
const headerValue = /^[\t\x20-\x7e]*$/

function checkHeaders(option: string, value: unknown): void {
  if (!isObject(value) || !isPlain(value)) {
    throw wrongValue(option, value, "an object of texts, such as { 'x-team': 'search' }")
  }
  const names = new Set<string>()
  for (const [name, text] of Object.entries(value)) {
    const shown = JSON.stringify(excerpt(name, 80))
    if (!headerName.test(name)) {
      throw misconfigured(`The option "${option}" has the header ${shown}; that is not a name of an HTTP header.`)
    }
    const advice = ownHeaders.get(name.toLowerCase())
    if (advice !== undefined) {
      throw misconfigured(`The option "${option}" has the header ${shown}, which the client sets itself. ${advice}.`)
    }
    if (names.size === names.add(name.toLowerCase()).size) {
      throw misconfigured(
        `The option "${option}" has the header ${shown} twice; case does not matter in names of headers.`,
      )
    }
    if (text === undefined) continue
    // A value may be a secret, so it is not shown.
    if (typeof text !== 'string') {
      const type = text === null ? 'null' : `of type ${Array.isArray(text) ? 'array' : typeof text}`
      throw misconfigured(`The option "${option}" has a value for ${shown} that is ${type}; it must be a string.`)
    }
    if (!headerValue.test(text)) {
      throw misconfigured(
        `The option "${option}" has a value for ${shown} with characters that are not allowed in an HTTP header, such as a line break.`,
      )
    }
  }
}

/** Fields of the body that are refused, with the reason. */
const ownFields: ReadonlyMap<string, string> = new Map([
  ...['messages', 'tools', 'model', 'stream'].map((name): [string, string] => [name, 'the client sets it itself']),
  ['temperature', 'use the option "temperature"'],
  ['top_p', 'use the option "topP"'],
  ...['max_tokens', 'max_completion_tokens'].map((name): [string, string] => [
    name,
    'use the option "maxOutputTokens"',
  ]),
  ['extra_body', 'write its fields directly into "body"'],
])

function checkBody(option: string, value: unknown): void {
  if (!isObject(value) || !isPlain(value))
    throw wrongValue(option, value, 'an object of JSON values, such as { top_k: 40 }')
  for (const name of Object.keys(value)) {
    const reason = ownFields.get(name)
    if (reason !== undefined) throw misconfigured(`The option "${option}" has the field "${name}"; ${reason}.`)
  }
  if (isTooDeep(value)) throw misconfigured(`The option "${option}" nests deeper than ${maxDepth} levels.`)
  const problem = findUnserializable(value)
  if (problem !== undefined) throw misconfigured(`The option "${option}" has ${problem}.`)
  for (const [name, field] of Object.entries(value)) if (field !== undefined) jsonOf(option, name, field)
}

/** A field as JSON. Only its own `toJSON` can still fail, or return nothing. */
function jsonOf(option: string, name: string, value: unknown): string {
  let json: string | undefined
  let reason = ''
  try {
    json = JSON.stringify(value)
  } catch (error) {
    reason = `: ${excerpt(errorMessage(error), 200)}`
  }
  if (json !== undefined) return json
  const field = JSON.stringify(excerpt(name, 80))
  throw misconfigured(`The option "${option}" has the field ${field} with a value that JSON cannot represent${reason}.`)
}
