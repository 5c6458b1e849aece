import { excerpt } from '../../../router/text/clip.ts'
import { onOneLine } from '../../../router/text/on-one-line.ts'
import type { FixAction, FixResult, PredictedEffect } from '../../../tools/types.ts'
import { formatFigure } from '../../../tools/validation/deltas.ts'
import { ratioTexts } from '../../../tools/validation/predicted-ratios.ts'
import type { TraceEntry } from '../../loop/trace.ts'
import { formatChange, headlineDeltas, headlineFigures, summaryAfterCause, tradeoffNote } from './figures.ts'
import type { ReportDocument } from './report-schema.ts'

/**
 * The report as Markdown.
 *
 * Text from a model or a log is not trusted. It is escaped, so it cannot add headings, links or other markup.
 */
export function renderMarkdown(document: ReportDocument): string {
  const sections = [head, incident, figures, diagnosis, notLookedAt, fix, timeline].map((section) => section(document))
  return `${sections.filter((section) => section !== '').join('\n\n')}\n`
}

/** Title, notice, verdict, error and the facts about the run. */
function head({ scenario, notice, validation, run }: ReportDocument): string {
  const error =
    run.error === undefined
      ? []
      : [`**${run.stop_reason === 'cancelled' ? 'Cancelled' : 'Failed'}:** ${escapeText(run.error.message)}`]
  return [
    `# Incident report: ${inlineCode(scenario)}`,
    ...(notice === null ? [] : [`> **${escapeText(notice)}**`]),
    `**Validation: ${validation.status}.** ${escapeText(validation.summary)}`,
    ...error,
    table(
      ['run', 'model', 'stop reason', 'rounds', 'tokens in', 'tokens out', 'duration'],
      [
        [
          cellCode(run.run_id),
          escapeText(run.model),
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

/** The incident in three lines: the window, the configuration and the objective of the incident. */
function incident({ pre_telemetry: { window, slo, config_id } }: ReportDocument): string {
  const objective = [
    `time to first token p95 ≤ ${formatFigure(slo.ttft_p95_s, 's')}`,
    `inter-token p99 ≤ ${formatFigure(slo.inter_token_p99_s, 's')}`,
    `served ≥ ${formatFigure(slo.served_ratio, 'share')}`,
  ]
  return [
    '## Incident',
    bullets([
      `window: ${escapeText(window.start)} to ${escapeText(window.end)} (${formatFigure(window.duration_s, 's')})`,
      `configuration: ${cellCode(config_id)}`,
      `objective: ${objective.join(', ')}`,
    ]),
  ].join('\n\n')
}

/** Without a validation only the figures of the incident are known. */
function figures({ validation, pre_telemetry }: ReportDocument): string {
  if (validation.deltas.length === 0) {
    const rows = headlineFigures(pre_telemetry).map(({ metric, before, unit }) => [metric, formatFigure(before, unit)])
    return `## Before\n\n${rows.length === 0 ? 'Nothing was measured.' : table(['figure', 'before'], rows)}`
  }
  const rows = headlineDeltas(validation.deltas).map((delta) => [
    delta.metric,
    formatFigure(delta.before, delta.unit),
    formatFigure(delta.after, delta.unit),
    formatChange(delta),
    delta.verdict,
  ])
  const compared =
    rows.length === 0 ? 'Nothing was measured.' : table(['figure', 'before', 'after', 'change', ''], rows)
  return [
    '## Before and after (simulation)',
    tradeoffNote(validation) ?? [],
    compared,
    ...(validation.prediction === undefined ? [] : prediction(validation.prediction)),
  ]
    .flat()
    .join('\n\n')
}

/** The predicted changes with their bands, and how well the simulation reproduces the pages that it was inferred from. */
function prediction({ ratios, residuals }: PredictedEffect): readonly string[] {
  const rows = ratios.map((row) => [escapeText(row.figure), ...ratioTexts(row)])
  return [
    '### Predicted change',
    'No telemetry of the changed engine exists. These ratios are predictions for the load that was inferred from the ' +
      'metrics pages: the value after the change, divided by the value before it. The band has all draws of the load, and ' +
      'the error against the pages. A band that contains ×1 is not certain.',
    table(['figure', 'ratio', 'band'], rows),
    ...list('The same simulation without the change, against the pages', residuals.map(escapeText)),
  ]
}

/** The model's diagnosis. Every quote has its tool, and a mark if no result of that tool contains it. */
function diagnosis({ diagnosis: found, run }: ReportDocument): string {
  if (run.stop_reason === 'cancelled' && run.rounds === 0) {
    return '## Diagnosis\n\nNo diagnosis: the run was cancelled before the first reply.'
  }
  const evidence = found.evidence.map(
    ({ tool, quote, grounded }) =>
      `${exactCode(quote)} (${escapeText(tool)}${grounded ? '' : ', **not found in its results**'})`,
  )
  const summary = summaryAfterCause(found)
  return [
    '## Diagnosis',
    `**Root cause** (${escapeText(found.category)}, confidence ${found.confidence}): ${escapeText(found.root_cause)}`,
    ...(summary === '' ? [] : [escapeText(summary)]),
    ...list('Evidence', evidence),
    ...list('Ruled out', found.ruled_out.map(escapeText)),
    ...list('Uncertainties', found.uncertainties.map(escapeText)),
  ].join('\n\n')
}

/** Limits of the diagnosis: what nobody has looked at. */
function notLookedAt({ not_looked_at: notes }: ReportDocument): string {
  return notes.length === 0 ? '' : `## Not looked at\n\n${bullets(notes.map(escapeText))}`
}

/** A subsection with bullets; empty without items. */
function list(title: string, items: readonly string[]): readonly string[] {
  return items.length === 0 ? [] : [`### ${title}`, bullets(items)]
}

/** The plan, the differences that it makes, and what to expect of it. */
function fix({ fix_plan: plan, fix_result: result }: ReportDocument): string {
  if (plan === null) return '## Fix\n\nNo fix was proposed.'
  return [
    '## Fix',
    escapeText(plan.summary),
    ...(plan.rationale === undefined ? [] : [escapeText(plan.rationale)]),
    bullets(plan.actions.map(action)),
    result === null ? 'The fix was not applied.' : changes(result),
    ...list('Expected impact', (result?.expected_impact ?? []).map(escapeText)),
    ...list('Not predicted', (result?.not_predicted ?? []).map(escapeText)),
    ...list('Risks', (plan.risks ?? []).map(escapeText)),
  ].join('\n\n')
}

/** The differences between the two configurations, one row each. */
function changes({ diff }: FixResult): string {
  if (diff.length === 0) return 'The fix changes nothing.'
  const rows = diff.map(({ op, path, from, value }) => [op, cellCode(path), shown(from), shown(value)])
  return table(['', 'path', 'before', 'after'], rows)
}

/** An action by its name; its other members follow as JSON. */
function action({ action: name, ...rest }: FixAction): string {
  return `**${escapeText(name)}** ${Object.keys(rest).length === 0 ? '' : inlineCode(JSON.stringify(rest))}`.trim()
}

/** A value of the configuration as JSON; `–` if the path did not exist. */
function shown(value: unknown): string {
  return value === undefined ? '–' : cellCode(JSON.stringify(value))
}

/** The steps of the run, round by round. */
function timeline({ agent_trace: trace }: ReportDocument): string {
  const rows = trace.map(timelineRow)
  return rows.length === 0 ? '' : `## Timeline\n\n${table(['round', 'step', 'outcome', 'duration'], rows)}`
}

/** Round, step, outcome and duration of one entry. A warning belongs to no round. */
function timelineRow(entry: TraceEntry): readonly string[] {
  switch (entry.type) {
    case 'tool-end': {
      const failure = `${escapeText(entry.error_kind ?? '')}: ${escapeText(excerpt(entry.result, 200))}`
      return [String(entry.round), escapeText(entry.tool), entry.status === 'ok' ? 'ok' : failure, milliseconds(entry)]
    }
    case 'reply':
      return [String(entry.round), 'model reply', escapeText(entry.finish_reason), milliseconds(entry)]
    case 'repair':
      return [String(entry.round), 'repair', escapeText(JSON.stringify(entry.repair)), '']
    case 'retry':
      return [
        String(entry.round),
        `model call retried after ${escapeText(entry.code)}`,
        `waited ${entry.wait_ms} ms`,
        '',
      ]
    case 'reply-failed':
      return [
        String(entry.round),
        `model call ${entry.error.name === 'AbortError' ? 'stopped' : 'failed'}`,
        escapeText(entry.error.message),
        milliseconds(entry),
      ]
    case 'results-shortened':
      return [
        String(entry.round),
        'context window exceeded',
        `${entry.results} older results shortened, ${entry.saved_bytes} bytes saved`,
        '',
      ]
    case 'answer-rejected':
      return [String(entry.round), 'answer rejected', escapeText(entry.problems.join('; ')), '']
    case 'tool-waiting':
      return [String(entry.round), escapeText(entry.tool), 'waits for a decision', '']
    case 'limit':
      return [String(entry.round), `limit: ${entry.limit}`, escapeText(entry.detail), '']
    case 'warning':
      return ['', `warning: ${entry.source}`, escapeText(entry.message), '']
  }
}

function milliseconds({ duration_ms: ms }: { readonly duration_ms: number }): string {
  return `${ms} ms`
}

/** Untrusted text as part of a Markdown line, without markup, links and line breaks, which could start a heading. */
export function escapeText(text: string): string {
  return (
    onOneLine(text)
      .replace(/[\\`*_{}[\]<>#|~!]/g, '\\$&')
      .replace(/^[-+=]/, '\\$&')
      .replace(/^(\d+)([.)])(?=\s|$)/, '$1\\$2')
      // Renderers also turn bare URLs into links. Without the literal colon they find none.
      .replace(/\b(https?|ftp|mailto):/gi, '$1&#58;')
      .replace(/\bwww\./gi, 'www&#46;')
  )
}

/** Characters of a line that can move a cursor or end the line. A tab is allowed. */
const unsafe = /(?!\t)[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u

/** A quote as inline code, byte for byte, so that a reader can search the logs for it. Each line of it is a code. */
function exactCode(quote: string): string {
  const lines = quote.split(/\r?\n/).filter((line) => line.trim() !== '')
  return lines.map((line) => (unsafe.test(line) ? inlineCode(line) : fenced(line))).join(' ⏎ ')
}

/** Untrusted text as inline code. */
function inlineCode(text: string): string {
  return fenced(onOneLine(text))
}

/** A line as inline code. The fence is longer than any run of backticks in it. */
function fenced(line: string): string {
  // Not by spreading into Math.max, which fails for 100 000 arguments.
  const longest = (line.match(/`+/g) ?? []).reduce((length, run) => Math.max(length, run.length), 0)
  const fence = '`'.repeat(longest + 1)
  const pad = line.startsWith('`') || line.endsWith('`') ? ' ' : ''
  return `${fence}${pad}${line}${pad}${fence}`
}

/** Inline code in a table cell, where a pipe ends the cell even within code. */
export function cellCode(text: string): string {
  return inlineCode(text).replaceAll('|', '\\|')
}

/** A table; the cells must be escaped already. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n')
}

function bullets(items: readonly string[]): string {
  return items.map((item) => `- ${item}`).join('\n')
}
