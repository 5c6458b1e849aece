import type { FixAction, FixResult } from '../../tools/documents.ts'
import { course } from './course.ts'
import { change, figure, headlineDeltas, headlineFigures, price } from './figures.ts'
import { bullets, cellCode, code, plain, table } from './markdown-text.ts'
import type { ReportDocument } from './report.ts'

/** The report as Markdown. Whatever came from a model or a log is escaped: it cannot add headings, links or markup. */
export function renderMarkdown(document: ReportDocument): string {
  const sections = [head, incident, figures, diagnosis, fix, course].map((section) => section(document))
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

function incident({ pre_telemetry: { window, slo, config_id } }: ReportDocument): string {
  const objective = [
    `time to first token p95 ≤ ${figure(slo.ttft_p95_s, 's')}`,
    `inter-token p99 ≤ ${figure(slo.inter_token_p99_s, 's')}`,
    `served ≥ ${figure(slo.served_ratio, 'share')}`,
  ]
  return [
    '## Incident',
    bullets([
      `window: ${plain(window.start)} to ${plain(window.end)} (${figure(window.duration_s, 's')})`,
      `configuration: ${cellCode(config_id)}`,
      `objective: ${objective.join(', ')}`,
    ]),
  ].join('\n\n')
}

/** Without a validation the figures of the incident stand alone: they are what is known. */
function figures({ validation, pre_telemetry }: ReportDocument): string {
  if (validation.deltas.length === 0) {
    const rows = headlineFigures(pre_telemetry).map(({ metric, before, unit }) => [metric, figure(before, unit)])
    return `## Before\n\n${table(['figure', 'before'], rows)}`
  }
  const rows = headlineDeltas(validation.deltas).map((delta) => [
    delta.metric,
    figure(delta.before, delta.unit),
    figure(delta.after, delta.unit),
    change(delta),
    delta.verdict,
  ])
  const compared = table(['figure', 'before', 'after', 'change', ''], rows)
  return ['## Before and after', price(validation) ?? [], compared].flat().join('\n\n')
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
  return [
    '## Fix',
    plain(plan.summary),
    ...(plan.rationale === undefined ? [] : [plain(plan.rationale)]),
    bullets(plan.actions.map(action)),
    result === null ? 'It was not applied.' : changes(result),
    ...list('Expected impact', (result?.expected_impact ?? []).map(plain)),
    ...list('Risks', (plan.risks ?? []).map(plain)),
  ].join('\n\n')
}

function changes({ diff }: FixResult): string {
  if (diff.length === 0) return 'It changed nothing.'
  const rows = diff.map(({ op, path, from, value }) => [op, cellCode(path), shown(from), shown(value)])
  return table(['', 'path', 'before', 'after'], rows)
}

function action({ action: name, ...rest }: FixAction): string {
  return `**${plain(name)}** ${Object.keys(rest).length === 0 ? '' : code(JSON.stringify(rest))}`.trim()
}

function shown(value: unknown): string {
  return value === undefined ? '–' : cellCode(JSON.stringify(value))
}
