import type { FixAction } from '../../tools/documents.ts'
import type { TraceEntry } from '../loop/trace.ts'
import { change, figure, headlineDeltas } from './figures.ts'
import { bullets, cellCode, code, plain, table } from './markdown-text.ts'
import type { ReportDocument } from './report.ts'

/** The report as Markdown. Whatever came from a model or a log is escaped: it cannot add headings, links or markup. */
export function renderMarkdown(document: ReportDocument): string {
  const sections = [head(document), beforeAndAfter(document), diagnosis(document), fix(document), course(document)]
  return `${sections.filter((section) => section !== '').join('\n\n')}\n`
}

function head({ scenario, notice, validation, agent_trace: trace }: ReportDocument): string {
  const error = trace.error === undefined ? [] : [`**Failed:** ${plain(trace.error.message)}`]
  return [
    `# Incident report: ${plain(scenario)}`,
    ...(notice === null ? [] : [`> **${plain(notice)}**`]),
    `**Validation: ${validation.status}.** ${plain(validation.summary)}`,
    ...error,
    table(
      ['run', 'model', 'stop reason', 'rounds', 'tokens in', 'tokens out', 'duration'],
      [
        [
          cellCode(trace.run_id),
          plain(trace.model),
          trace.stop_reason,
          String(trace.rounds),
          String(trace.usage.input_tokens),
          String(trace.usage.output_tokens),
          `${(trace.duration_ms / 1000).toFixed(1)} s`,
        ],
      ],
    ),
  ].join('\n\n')
}

function beforeAndAfter({ validation }: ReportDocument): string {
  const rows = headlineDeltas(validation.deltas).map((delta) => [
    delta.metric,
    figure(delta.before, delta.unit),
    figure(delta.after, delta.unit),
    change(delta),
    delta.verdict,
  ])
  return rows.length === 0 ? '' : `## Before and after\n\n${table(['figure', 'before', 'after', 'change', ''], rows)}`
}

function diagnosis({ diagnosis: found }: ReportDocument): string {
  const evidence = found.evidence.map(
    ({ tool, quote, grounded }) => `${code(quote)} (${plain(tool)}${grounded ? '' : ', **not found in its results**'})`,
  )
  return [
    '## Diagnosis',
    `**Root cause** (${plain(found.category)}, confidence ${found.confidence}): ${plain(found.root_cause)}`,
    plain(found.summary),
    ...list('Evidence', evidence),
    ...list('Ruled out', found.ruled_out.map(plain)),
    ...list('Uncertain', found.uncertainties.map(plain)),
  ].join('\n\n')
}

function list(title: string, items: readonly string[]): readonly string[] {
  return items.length === 0 ? [] : [`### ${title}`, bullets(items)]
}

function fix({ fix_plan: plan, fix_result: result }: ReportDocument): string {
  if (plan === null) return '## Fix\n\nNo fix was proposed.'
  const rows = (result?.diff ?? []).map(({ op, path, from, value }) => [op, cellCode(path), shown(from), shown(value)])
  return [
    '## Fix',
    plain(plan.summary),
    ...(plan.rationale === undefined ? [] : [plain(plan.rationale)]),
    bullets(plan.actions.map(action)),
    ...(rows.length === 0 ? ['It was not applied.'] : [table(['', 'path', 'before', 'after'], rows)]),
    ...list('Expected impact', (result?.expected_impact ?? []).map(plain)),
    ...list('Risks', (plan.risks ?? []).map(plain)),
  ].join('\n\n')
}

function action({ action: name, ...rest }: FixAction): string {
  return `**${plain(name)}** ${Object.keys(rest).length === 0 ? '' : code(JSON.stringify(rest))}`.trim()
}

function shown(value: unknown): string {
  return value === undefined ? '–' : cellCode(JSON.stringify(value))
}

/** What the run did, round by round. */
function course({ agent_trace: trace }: ReportDocument): string {
  const rows = trace.entries.map(step)
  return rows.length === 0 ? '' : `## Course\n\n${table(['round', 'step', 'outcome', 'took'], rows)}`
}

function step(entry: TraceEntry): readonly string[] {
  const round = String(entry['round'] ?? '')
  const took = `${String(entry['duration_ms'])} ms`
  switch (entry.type) {
    case 'tool-end': {
      const outcome = entry['status'] === 'ok' ? 'ok' : `error: ${String(entry['error_kind'])}`
      return [round, plain(String(entry['tool'])), outcome, took]
    }
    case 'reply':
      return [round, 'model reply', plain(String(entry['finish_reason'])), took]
    case 'repair':
      return [round, 'repair', plain(JSON.stringify(entry['repair'])), '']
    case 'answer-rejected':
      return [round, 'answer sent back', plain([entry['problems']].flat().join('; ')), '']
    case 'limit':
      return [round, `limit: ${String(entry['limit'])}`, plain(String(entry['detail'])), '']
    case 'warning':
      return [round, `warning: ${String(entry['source'])}`, plain(String(entry['message'])), '']
  }
}
