import { ModelError } from '../../../lib/loop/errors.ts'
import { type LoopActivityOptions, loopActivity } from '../../../lib/temporal/index.ts'
import { defineTool } from '../../../router/tool.ts'

export const heartbeatTimeout = '3s'

/** The activity `work`: one run with these options. */
export function work(options: LoopActivityOptions) {
  return { work: loopActivity(() => options) }
}

/** Is tried again, after the time that it names. */
export function busy(retryAfterMs: number): ModelError {
  return new ModelError('busy', { code: 'rate_limit', retryable: true, retryAfterMs })
}

/** Is tried again at once. */
export const overloaded = new ModelError('busy', { code: 'overloaded', retryable: true, retryAfterMs: 1 })

/** A tool that may be repeated. */
export const getCity = defineTool({
  name: 'get_city',
  description: 'A city.',
  inputSchema: { type: 'object', properties: {} },
  annotations: { readOnlyHint: true, idempotentHint: true },
  execute: () => ({ city: 'Oslo' }),
})
