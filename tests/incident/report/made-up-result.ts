import type { AgentResult } from '../../../lib/incident/index.ts'
import type { FixResult, ValidationStatus } from '../../../tools/types.ts'
import { inputWith } from './hostile-result.ts'

/** The parts of a result that the facts of a report depend on. */
export interface ResultParts {
  /** Quotes of the diagnosis: the tool and the text. */
  readonly quotes?: readonly (readonly [tool: string, quote: string])[]
  /** Status of the validation. @defaultValue improved */
  readonly status?: ValidationStatus
  /** Result of applying the plan. @defaultValue none */
  readonly fixResult?: FixResult | null
  /** Telemetry after the fix. @defaultValue none */
  readonly after?: AgentResult['post_telemetry']
  /** Whether the plan changes nothing. @defaultValue false */
  readonly noChange?: boolean
  /** Why the run ended. @defaultValue answered */
  readonly stopReason?: AgentResult['run']['stop_reason']
}

/** A result of an agent without a run. */
export function resultWith({
  quotes = [],
  status = 'improved',
  fixResult = null,
  after = null,
  noChange = false,
  stopReason = 'answered',
}: ResultParts): AgentResult {
  const { result } = inputWith('made up')
  const { error: _, ...run } = result.run
  return {
    ...result,
    diagnosis: {
      ...result.diagnosis,
      evidence: quotes.map(([tool, quote]) => ({ tool, quote, grounded: true })),
    },
    fix_plan: {
      summary: 'a plan',
      actions: [noChange ? { action: 'no_change', reason: 'none' } : { action: 'restart_engine' }],
    },
    fix_result: fixResult,
    post_telemetry: after,
    validation: { status, deltas: [], summary: 'made up' },
    run: { ...run, stop_reason: stopReason },
  }
}
