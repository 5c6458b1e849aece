import type { Telemetry } from '../../../tools/types.ts'
import type { AgentResult } from '../agent/agent-result.ts'
import type { ReportFacts } from './report-schema.ts'

/** State of the service before the fix, its impact, and the state of the fix. */
export function headlineOf(_before: Telemetry, result: AgentResult): ReportFacts['headline'] {
  return { state: 'unknown', text: result.validation.summary }
}
