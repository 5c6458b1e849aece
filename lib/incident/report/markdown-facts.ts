import type { MetricDelta, PredictedEffect } from '../../../tools/types.ts'
import { formatFigure } from '../../../tools/validation/deltas.ts'
import { figureLabel, metricLabel } from '../../../tools/validation/figure-labels.ts'
import { ratioTexts } from '../../../tools/validation/predicted-ratios.ts'
import { formatChange, headlineDeltas, headlineFigures, tradeoffNote } from './figures.ts'
import { bullets, escapeText, inlineCode, section, table } from './markdown-text.ts'
import type { ReportDocument } from './report-schema.ts'

// The sections of the Markdown report that have figures and facts.

/** A figure with its unit. A document that was not checked can have any unit. */
function figureText(value: number | null, unit: string): string {
  return escapeText(formatFigure(value, unit))
}

/** Objectives and figures. Without a validation only those of the incident are known. */
export function beforeAndAfter(document: ReportDocument): readonly string[] {
  const { validation, pre_telemetry: before } = document
  if (validation.deltas.length === 0) {
    const rows = headlineFigures(before).map(({ metric, before: value, unit }) => [
      metricLabel(metric),
      figureText(value, unit),
    ])
    return section(
      'Figures of the incident',
      objectives(document, false),
      rows.length === 0 ? 'Nothing was measured.' : table(['figure', 'value'], rows),
    )
  }
  // The objectives have a table of their own, and figures that stay exactly the same say nothing.
  const changed = headlineDeltas(validation.deltas).filter(
    ({ metric, before: from, after: to }) => !limited.has(metric) && (from !== to || always.has(metric)),
  )
  const rows = changed.map((delta) => [
    escapeText(metricLabel(delta.metric)),
    figureText(delta.before, delta.unit),
    figureText(delta.after, delta.unit),
    formatChange(delta),
    verdictText(delta),
  ])
  return section(
    'Before and after (simulation)',
    howCompared(document),
    escapeText(withoutCosts(validation)),
    objectives(document, document.post_telemetry !== null),
    rows.length === 0 ? 'No other figure changes.' : table(['figure', 'before', 'after', 'change', ''], rows),
    tradeoffNote(validation) ?? '',
    ...(validation.prediction === undefined ? [] : prediction(validation.prediction)),
  )
}

/** How the two sides came about, and what the seeds are. */
function howCompared({ validation, post_telemetry: after }: ReportDocument): string {
  const seeds = after?.paired?.seeds.length ?? 1
  const sides =
    validation.prediction === undefined
      ? 'Before: the window of the incident. After: a simulation of the same load with the fix.'
      : 'Both sides are simulated, with a load that was inferred from the metrics pages.'
  const draws =
    seeds === 1
      ? ''
      : ` For a fair comparison the same requests were also simulated with ${seeds} random seeds, before and after.`
  return `${sides}${draws}`
}

/** Figures that the objectives limit. */
const limited: ReadonlySet<string> = new Set(['latency.ttft_s.p95', 'latency.inter_token_s.p99'])

/** Figures about lost requests. They are shown also if they stay the same. */
const always: ReadonlySet<string> = new Set(['requests.failed', 'requests.unfinished'])

/** The verdict of a figure, with the reason why a change of it is not judged. */
function verdictText({ verdict, before, after, relative, reason }: MetricDelta): string {
  if (verdict === 'better' || verdict === 'worse') return verdict
  if (before === null || after === null) return 'not measured in both'
  if (reason !== undefined)
    return escapeText(
      `${verdict === 'same' ? '' : 'not judged: '}${reason.charAt(0).toLowerCase()}${reason.slice(1).replace(/\.$/, '')}`,
    )
  if (before === after) return 'same'
  return verdict === 'same' && Math.abs(relative ?? 0) < visibleChange ? 'same' : 'not judged: too small to matter'
}

/** A relative change from which a reader asks why a figure is called the same. */
const visibleChange = 0.05

/** The costs and limits have places of their own. */
function withoutCosts({ summary, costs = [], limits = [] }: ReportDocument['validation']): string {
  return [...costs, ...limits].reduce((text, part) => text.replace(part, ''), summary).trim()
}

function objectives({ objectives: list }: ReportDocument, hasAfter: boolean): string {
  if (list.length === 0) return ''
  const rows = list.map(({ name, unit, limit, before, after, state_before, state_after }) => [
    escapeText(name),
    `${unit === 's' ? '≤' : '≥'} ${figureText(limit, unit)}`,
    `${figureText(before, unit)} (${state_before})`,
    ...(hasAfter ? [`${figureText(after, unit)} (${state_after})`] : []),
  ])
  return table(['objective', 'limit', 'before', ...(hasAfter ? ['after'] : [])], rows)
}

/** The predicted changes with their bands, and how well the simulation reproduces the pages that it was inferred from. */
function prediction({ ratios, residuals }: PredictedEffect): readonly string[] {
  const rows = ratios.map((row) => [escapeText(figureLabel(row.figure).label), ...ratioTexts(row)])
  return [
    '### Predicted change',
    'No telemetry of the changed engine exists. These ratios are predictions for the load that was inferred from the ' +
      'metrics pages: the value after the change, divided by the value before it. The band has all draws of the load, and ' +
      'the error against the pages. A band that contains ×1 is not certain.',
    table(['figure', 'ratio', 'band'], rows),
    ...(residuals.length === 0
      ? []
      : ['The same simulation without the change, against the pages:', bullets(residuals.map(escapeText))]),
  ]
}

/** The deployment that the incident happened on. */
export function environment({ environment: facts }: ReportDocument): readonly string[] {
  const known = [
    ['model', facts.model],
    ['vLLM', facts.engine_version],
    ['image', facts.image],
    ['GPU', facts.gpu_model === null ? null : `${facts.gpus === null ? '' : `${facts.gpus} × `}${facts.gpu_model}`],
    ['node', facts.node],
    ['driver', facts.driver_version],
  ] as const
  const items = known.flatMap(([name, value]) => (value === null ? [] : [`${name}: ${escapeText(value)}`]))
  const given = facts.engine_args.map(inlineCode)
  return section('Environment', bullets([...items, ...(given.length === 0 ? [] : [`arguments: ${given.join(' ')}`])]))
}

/** Open questions, and the data that would answer them. */
export function uncertain({ diagnosis, collect_next: data }: ReportDocument): readonly string[] {
  return section(
    'Uncertain, and what to collect',
    bullets(diagnosis.uncertainties.map(escapeText)),
    data.length === 0 ? '' : 'Collect next:',
    bullets(data.map(({ what, command }) => `${escapeText(what)}${command === null ? '' : ` ${inlineCode(command)}`}`)),
  )
}

/** The agent's run: rounds, tools, tokens, time, limits and faults. */
export function course({ course: facts, run }: ReportDocument): readonly string[] {
  const total = [
    `model ${escapeText(run.model)}`,
    `ended as ${run.stop_reason}`,
    counted(run.rounds, 'round'),
    `${run.usage.input_tokens} tokens in`,
    `${run.usage.output_tokens} tokens out`,
    seconds(run.duration_ms),
    ...[
      counted(facts.retries, 'retry', 'retries'),
      counted(facts.repairs, 'repaired call'),
      counted(facts.resumed, 'attempt taken over', 'attempts taken over'),
    ].filter((text) => !text.startsWith('0 ')),
  ]
  const rows = facts.rounds.map(({ round, model_ms, input_tokens, output_tokens, calls, outcome }) => [
    String(round),
    escapeText(outcome),
    calls.map(({ tool, status }) => `${escapeText(tool)}${status === 'ok' ? '' : ' (error)'}`).join(', '),
    seconds(model_ms),
    `${input_tokens} / ${output_tokens}`,
  ])
  const errors = facts.rounds.flatMap(({ round, calls }) =>
    calls.flatMap(({ tool, detail }) => (detail === null ? [] : [`round ${round}, ${tool}: ${detail}`])),
  )
  const rejected = facts.rejected_answers.map((problems) => `answer rejected: ${problems.join('; ')}`)
  const limits = facts.limits.map((limit) => `limit reached: ${limit}`)
  const warnings = facts.warnings.map((warning) => `warning: ${warning}`)
  return section(
    "The agent's run",
    `Run ${inlineCode(run.run_id)}: ${total.join(', ')}.`,
    rows.length === 0 ? '' : table(['round', 'result', 'tools', 'model', 'tokens in / out'], rows),
    bullets([...errors, ...rejected, ...limits, ...warnings].map(escapeText)),
  )
}

function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
