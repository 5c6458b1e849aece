import { isObject } from '../../router/json.ts'
import { lookUp } from '../../router/json-pointer.ts'
import type { ToolResult } from '../../router/tool-call.ts'
import type { Diagnosis } from './agent-result.ts'
import { successes } from './successes.ts'

const tool = 'analyze_metrics'

/**
 * What the analysis of the incident said, for a run that ended before the model gave evidence of its own. The first
 * analysis: a later one may be of the telemetry after a fix.
 */
export function hotspotEvidence(results: readonly ToolResult[]): Diagnosis['evidence'] {
  const found = lookUp(successes(results, tool)[0]?.value, ['hotspot'])
  if (!found.found || !isObject(found.value)) return []
  const { kind, because } = found.value
  const sentences = Array.isArray(because) ? because.filter((sentence) => typeof sentence === 'string') : []
  return [`"kind":${JSON.stringify(kind)}`, ...sentences].map((quote) => ({ tool, quote, grounded: true }))
}
