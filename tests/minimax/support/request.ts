import type { ModelRequest } from '../../../lib/loop/model.ts'
import { type ClientInternals, createMinimaxModel, type MinimaxModel } from '../../../lib/minimax/minimax.ts'
import type { MinimaxOptions } from '../../../lib/minimax/options.ts'

export const token = 'plain-test-token'

const message = { role: 'user', content: 'How warm is it in Oslo?' } as const

export function modelRequest(options: Partial<ModelRequest> = {}): ModelRequest {
  return {
    messages: [{ role: message.role, json: JSON.stringify(message) }],
    signal: new AbortController().signal,
    timeoutMs: 10_000,
    ...options,
  }
}

/** The client of one local server, without the environment and without retries unless told so. */
export function clientOf(url: string, options: MinimaxOptions = {}, internals: ClientInternals = {}): MinimaxModel {
  return createMinimaxModel({ url, token, env: {}, retries: 0, ...options }, internals)
}
