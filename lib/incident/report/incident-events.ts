import type { Incident } from '../../../tools/scenario-source.ts'
import type { AgentResult } from '../agent/agent-result.ts'
import type { ReportFacts } from './report-schema.ts'

/** The beginning of the incident, its trigger, and its events in order of time. */
export function eventFacts(
  _incident: Incident | undefined,
  _result: AgentResult,
): Pick<ReportFacts, 'onset' | 'trigger' | 'timeline'> {
  return {
    onset: { time: null, text: 'The onset is not known.', source: null },
    trigger: { kind: 'unknown', time: null, text: 'The trigger is not known.', source: null },
    timeline: [],
  }
}
