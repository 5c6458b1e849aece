import type { Incident } from '../../../tools/scenario-source.ts'
import type { AgentResult } from '../agent/agent-result.ts'
import type { ReportFacts } from './report-schema.ts'

/** The quotes of the diagnosis, each with the place where a reader finds it. */
export function evidencePlaces(_incident: Incident | undefined, { diagnosis }: AgentResult): ReportFacts['evidence'] {
  return diagnosis.evidence.map(({ tool, quote, grounded }) => ({
    quote,
    tool,
    grounded,
    kind: 'unknown',
    source: null,
    time: null,
    line: null,
  }))
}
