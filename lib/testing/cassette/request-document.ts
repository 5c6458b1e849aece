import { createHash } from 'node:crypto'
import { canonicalJson } from '../../../router/canonical-json.ts'
import { redactDeep } from '../../../router/redact.ts'
import type { ModelRequest } from '../../loop/model.ts'

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
