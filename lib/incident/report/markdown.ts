import { excerpt } from '../../../router/text/clip.ts'
import type { FixAction, FixResult } from '../../../tools/types.ts'
import type { TraceEntry } from '../../loop/trace.ts'
import { formatChange, formatFigure, headlineDeltas, headlineFigures, tradeoffNote } from './figures.ts'
import type { ReportDocument } from './report.ts'

/** The report as Markdown. Whatever came from a model or a log is escaped: it cannot add headings, links or markup. */
export function renderMarkdown(document: ReportDocument): string {
  const sections = [head, incident, figures, diagnosis, fix, course].map((section) => section(document))
  return `${sections.filter((section) => section !== '').join('\n\n')}\n`
}

function head({ scenario, notice, validation, run }: ReportDocument): string {
  const error = run.error === undefined ? [] : [`**Failed:** ${plain(run.error.message)}`]
  return [
    `# Incident report: ${plain(scenario)}`,
    ...(notice === null ? [] : [`> **${plain(notice)}**`]),
    `**Validation: ${validation.status}.** ${plain(validation.summary)}`,
    ...error,
    table(
      ['run', 'model', 'stop reason', 'rounds', 'tokens in', 'tokens out', 'duration'],
      [
        [
          cellCode(run.run_id),
          plain(run.model),
          run.stop_reason,
          String(run.rounds),
          String(run.usage.input_tokens),
          String(run.usage.output_tokens),
          `${(run.duration_ms / 1000).toFixed(1)} s`,
        ],
      ],
    ),
  ].join('\n\n')
}

function incident({ pre_telemetry: { window, slo, config_id } }: ReportDocument): string {
  const objective = [
    `time to first token p95 ≤ ${formatFigure(slo.ttft_p95_s, 's')}`,
    `inter-token p99 ≤ ${formatFigure(slo.inter_token_p99_s, 's')}`,
    `served ≥ ${formatFigure(slo.served_ratio, 'share')}`,
  ]
  return [
    '## Incident',
    bullets([
      `window: ${plain(window.start)} to ${plain(window.end)} (${formatFigure(window.duration_s, 's')})`,
      `configuration: ${cellCode(config_id)}`,
      `objective: ${objective.join(', ')}`,
    ]),
  ].join('\n\n')
}

/** Without a validation the figures of the incident stand alone: they are what is known. */
function figures({ validation, pre_telemetry }: ReportDocument): string {
  if (validation.deltas.length === 0) {
    const rows = headlineFigures(pre_telemetry).map(({ metric, before, unit }) => [metric, formatFigure(before, unit)])
    return `## Before\n\n${table(['figure', 'before'], rows)}`
  }
  const rows = headlineDeltas(validation.deltas).map((delta) => [
    delta.metric,
    formatFigure(delta.before, delta.unit),
    formatFigure(delta.after, delta.unit),
    formatChange(delta),
    delta.verdict,
  ])
  const compared = table(['figure', 'before', 'after', 'change', ''], rows)
  return ['## Before and after', tradeoffNote(validation) ?? [], compared].flat().join('\n\n')
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

/** What the run did, round by round. */
function course({ agent_trace: trace }: ReportDocument): string {
  const rows = trace.map(step)
  return rows.length === 0 ? '' : `## Course\n\n${table(['round', 'step', 'outcome', 'took'], rows)}`
}

function step(entry: TraceEntry): readonly string[] {
  switch (entry.type) {
    case 'tool-end': {
      const failure = `${plain(entry.error_kind ?? '')}: ${plain(excerpt(entry.result, 200))}`
      return [String(entry.round), plain(entry.tool), entry.status === 'ok' ? 'ok' : failure, took(entry)]
    }
    case 'reply':
      return [String(entry.round), 'model reply', plain(entry.finish_reason), took(entry)]
    case 'repair':
      return [String(entry.round), 'repair', plain(JSON.stringify(entry.repair)), '']
    case 'retry':
      return [String(entry.round), `call sent again after ${plain(entry.code)}`, `waited ${entry.wait_ms} ms`, '']
    case 'reply-failed':
      return [String(entry.round), 'model call failed', plain(entry.error.message), took(entry)]
    case 'answer-rejected':
      return [String(entry.round), 'answer sent back', plain(entry.problems.join('; ')), '']
    case 'limit':
      return [String(entry.round), `limit: ${entry.limit}`, plain(entry.detail), '']
    case 'warning':
      return ['', `warning: ${entry.source}`, plain(entry.message), '']
  }
}

function took({ duration_ms: ms }: { readonly duration_ms: number }): string {
  return `${ms} ms`
}

/** Untrusted text inside a Markdown line: nothing in it is markup, a link or a terminal command, and it stays one line. */
function plain(text: string): string {
  return (
    oneLine(text)
      .replace(/[\\`*_{}[\]<>#|~!]/g, '\\$&')
      .replace(/^[-+=]/, '\\$&')
      .replace(/^(\d+)([.)])(?=\s|$)/, '$1\\$2')
      // Renderers make links of bare addresses too: without the colon there is none to find.
      .replace(/\b(https?|ftp|mailto):/gi, '$1&#58;')
      .replace(/\bwww\./gi, 'www&#46;')
  )
}

/** Untrusted text as inline code; the fence is longer than any run of backticks in it. */
function code(text: string): string {
  const line = oneLine(text)
  const longest = Math.max(0, ...(line.match(/`+/g) ?? []).map((run) => run.length))
  const fence = '`'.repeat(longest + 1)
  const pad = line.startsWith('`') || line.endsWith('`') ? ' ' : ''
  return `${fence}${pad}${line}${pad}${fence}`
}

/** Inline code in a table cell, which a pipe would end even inside of code. */
function cellCode(text: string): string {
  return code(text).replaceAll('|', '\\|')
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n')
}

function bullets(items: readonly string[]): string {
  return items.map((item) => `- ${item}`).join('\n')
}

function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\s]+/gu, ' ').trim()
}
