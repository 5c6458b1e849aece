import { type Incident, windowOf } from '../../../tools/scenario-source.ts'
import type { AgentResult, Evidence } from '../agent/agent-result.ts'
import { isoTime, type LocatedLine, locatedLines } from './located-lines.ts'
import { leadMs } from './log-events.ts'
import type { ReportFacts } from './report-schema.ts'

type EvidencePlace = ReportFacts['evidence'][number]

/** The quotes of the diagnosis, each with the place where a reader finds it. */
export function evidencePlaces(
  incident: Incident | undefined,
  { diagnosis }: AgentResult,
): readonly { readonly place: EvidencePlace; readonly line: LocatedLine | undefined }[] {
  const lines = incident === undefined ? [] : incidentFirst(incident)
  return diagnosis.evidence.map((evidence) => {
    const line = logTools.has(evidence.tool) ? lineOf(evidence, lines) : undefined
    return { place: { ...evidence, reason: reasonOf(evidence), ...placeOf(evidence, line) }, line }
  })
}

/** A result that was made by another agent may have no reason. */
function reasonOf({ grounded, reason }: Evidence): string | null {
  return grounded ? null : (reason ?? 'no result of this tool has it as a log line, a figure or a setting.')
}

/** The lines of the incident before earlier ones: the same text can be in the log of an earlier event, too. */
function incidentFirst(incident: Incident): readonly LocatedLine[] {
  const since = Date.parse(windowOf(incident).start) - leadMs
  const lines = locatedLines(incident)
  const isEarlier = ({ time }: LocatedLine) => time !== undefined && time < since
  return [...lines.filter((line) => !isEarlier(line)), ...lines.filter(isEarlier)]
}

const logTools: ReadonlySet<string> = new Set(['fetch_vllm_logs', 'fetch_system_logs'])

/** Sources of the results of the tools. */
const sources: { readonly [tool: string]: string } = {
  fetch_vllm_logs: 'vllm',
  fetch_system_logs: 'dmesg or journal',
  fetch_prometheus_metrics: 'metrics page',
  fetch_config: 'configuration',
  fetch_runtime_state: 'runtime state',
  fetch_gpu_stats: 'GPU statistics',
  analyze_metrics: 'analysis of the metrics',
  pre_telemetry: 'telemetry before the fix',
  apply_fix_simulation: 'simulated fix',
  collect_post_telemetry: 'telemetry after the fix',
  validate_improvement: 'validation of the fix',
}

function placeOf(
  { tool, quote, grounded }: Evidence,
  line: LocatedLine | undefined,
): Pick<EvidencePlace, 'kind' | 'source' | 'time' | 'line'> {
  if (line !== undefined) {
    const time = line.time === undefined ? null : isoTime(line.time)
    return { kind: 'log_line', source: line.source, time, line: line.number }
  }
  const source = Object.hasOwn(sources, tool) ? (sources[tool] ?? null) : null
  const isFigure = grounded && !logTools.has(tool) && /\d|\b(?:true|false|null)\b/.test(quote)
  return { kind: isFigure ? 'figure' : 'unknown', source, time: null, line: null }
}

/** A shorter part of a line does not tell which line it is. */
const shortestPart = 8

/** Characters and lines of a quote that are looked for: its start tells the place, and a log can have very many lines. */
const [mostCharacters, mostLines] = [2_000, 16]

/** The line that a quote is from: it contains the first line of the quote, or the quote contains its message. */
function lineOf({ tool, quote: whole }: Evidence, all: readonly LocatedLine[]): LocatedLine | undefined {
  const lines = all.filter(({ source }) => (tool === 'fetch_vllm_logs') === (source === 'vllm'))
  const quote = whole.slice(0, mostCharacters).trimEnd().split('\n', mostLines).join('\n')
  // A quote can be copied from the JSON of the result.
  for (const text of [quote, quote.replaceAll('\\"', '"').replaceAll('\\\\', '\\')]) {
    for (const part of text.split('\n').map((one) => one.trim())) {
      if (part.length < shortestPart) continue
      const found = lines.find(({ line }) => line.includes(part))
      if (found !== undefined) return found
    }
  }
  const folded = foldBlanks(quote)
  const spaced = lines.find(({ line }) => foldBlanks(line).includes(folded))
  if (spaced !== undefined) return spaced
  const within = lines.filter(({ message }) => message.trim().length >= 2 * shortestPart && quote.includes(message))
  return within.reduce<LocatedLine | undefined>(
    (longest, line) => (longest !== undefined && longest.message.length >= line.message.length ? longest : line),
    undefined,
  )
}

function foldBlanks(text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}
