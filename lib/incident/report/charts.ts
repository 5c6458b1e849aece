import type { Incident } from '../../../tools/scenario-source.ts'
import type { AgentResult } from '../agent/agent-result.ts'
import type { ReportFacts } from './report-schema.ts'

/** Data of the plots, before and after the fix. */
export function chartsOf(
  _incident: Incident | undefined,
  _result: AgentResult,
  _onset: ReportFacts['onset'],
): ReportFacts['charts'] {
  return { note: 'No data.', start: null, duration_s: null, onset_s: null, series: [], distributions: [] }
}
