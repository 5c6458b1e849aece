import type { FinishReason } from '../loop/model.ts'

/** The documented names, and what gateways write in their place; in lower case. */
const reasons: ReadonlyMap<unknown, FinishReason> = new Map([
  ['stop', 'stop'],
  ['length', 'length'],
  ['max_tokens', 'length'],
  ['max_output_tokens', 'length'],
  ['model_length', 'length'],
  ['tool_calls', 'tool_calls'],
  ['content_filter', 'content_filter'],
])

function lower(reason: unknown): unknown {
  return typeof reason === 'string' ? reason.toLowerCase() : reason
}

export function finishReasonOf(reason: unknown, toolCalls: unknown): FinishReason {
  return reasons.get(lower(reason)) ?? (Array.isArray(toolCalls) && toolCalls.length > 0 ? 'tool_calls' : 'other')
}

/** Whether the reply was broken off by a failure of the server. */
export function isFailure(reason: unknown): boolean {
  return lower(reason) === 'error'
}

/** How much each asks for care with the reply; one that is not known says more than `stop`. */
const weights: Readonly<Record<FinishReason, number>> = {
  stop: 0,
  other: 1,
  tool_calls: 2,
  content_filter: 3,
  length: 4,
}

/**
 * The reason of a stream that gave several: `stop` in a last frame takes nothing back, and neither does `tool_calls` that
 * came with each call.
 */
export function weightier(known: string | undefined, next: string): string {
  return known === undefined || weightOf(next) > weightOf(known) ? next : known
}

function weightOf(reason: string): number {
  return weights[finishReasonOf(reason, undefined)]
}
