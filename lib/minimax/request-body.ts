import type { ModelRequest } from '../loop/model.ts'
import type { Protocol } from './configuration.ts'
import { type EncodedBody, encodeBody } from './encoded-transcript.ts'
import { messagesAsText } from './json-protocol/tool-instructions.ts'

export interface RequestFields {
  readonly model: string
  readonly maxOutputTokens: number | undefined
  /** @defaultValue false */
  readonly stream?: boolean
  /** @defaultValue native */
  readonly protocol?: Protocol
}

/**
 * The body of one request: messages that are JSON already, and a tail with the other fields. Nothing is serialised twice.
 * Whoever sent it releases it.
 *
 * Only documented fields. `reasoning_split` keeps thinking out of `content`, where it would have to be told from text.
 */
export function requestBody(request: ModelRequest, fields: RequestFields): EncodedBody {
  const native = fields.protocol !== 'json'
  let tail = `],"model":${JSON.stringify(fields.model)},"reasoning_split":true`
  // Without `include_usage` a stream may carry no usage at all.
  if (fields.stream) tail += ',"stream":true,"stream_options":{"include_usage":true}'
  if (fields.maxOutputTokens !== undefined) tail += `,"max_completion_tokens":${fields.maxOutputTokens}`
  if (native && request.tools !== undefined) tail += `,"tools":${request.tools}`
  return encodeBody(native ? request.messages : messagesAsText(request), `${tail}}`)
}
