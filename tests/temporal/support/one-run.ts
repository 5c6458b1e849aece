import { ModelError } from '../../../lib/loop/errors.ts'
import { type LoopActivityOptions, loopActivity } from '../../../lib/temporal/index.ts'
import { defineTool } from '../../../router/define-tool.ts'

/** Long enough that a busy machine loses no attempt. */
export const heartbeatTimeout = '6s'

/** Activities with one, `work`, which does a run with these options. */
export function work(options: LoopActivityOptions) {
  return { work: loopActivity(() => options) }
}

/** A failed model call that can be retried after this time. */
export function busy(retryAfterMs: number): ModelError {
  return new ModelError('busy', { code: 'rate_limit', retryable: true, retryAfterMs })
}

/** A failed model call that can be retried at once. */
export const overloaded = new ModelError('busy', { code: 'overloaded', retryable: true, retryAfterMs: 1 })

/** A tool that can be repeated safely. */
export const getCity = defineTool({
  name: 'get_city',
  description: 'A city.',
  inputSchema: { type: 'object', properties: {} },
  annotations: { readOnlyHint: true, idempotentHint: true },
  execute: () => ({ city: 'Oslo' }),
})
