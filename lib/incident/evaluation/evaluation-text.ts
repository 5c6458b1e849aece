import { excerpt } from '../../../router/text/clip.ts'
import { formatFigure } from '../../../tools/validation/deltas.ts'
import { escapeText, inlineCode, table } from '../report/markdown-text.ts'
import {
  type EvaluationDocument,
  type EvaluationFigures,
  type Interval,
  type RunRecord,
  weights,
} from './evaluation-schema.ts'

// The words and tables of an evaluation. Markdown, HTML and the terminal show the same ones.

/** A share as a percentage without digits, because no evaluation has enough runs for more. `null` is a dash. */
function percent(value: number | null): string {
  return value === null ? '–' : `${(value * 100).toFixed(0)} %`
}

/** A share with its confidence interval. @param name words before the interval, where nothing else says what it is. */
function percentInterval({ value, low, high }: Interval, name = ''): string {
  return low === null || high === null
    ? percent(value)
    : `${percent(value)} (${name}${percent(low)} to ${percent(high)})`
}

/** The result in one sentence. */
export function headline({ total, complete, settings }: EvaluationDocument): string {
  const runs = formatFigure(total.runs, 'runs')
  const named = '95 % confidence interval: '
  const missing = settings.scenarios.length * settings.runs - total.runs
  const rest = complete
    ? ''
    : ` Not complete: ${missing} of ${settings.scenarios.length * settings.runs} runs have no score.`
  return `${total.passed} of ${runs} passed: ${percentInterval(total.pass_rate, named)}. Mean score: ${percentInterval(total.score, named)}.${rest}`
}

/** Names and values of the figures of all runs. */
export function totalRows({ total }: EvaluationDocument): readonly (readonly [name: string, value: string])[] {
  return [
    ['passed', `${total.passed} of ${total.runs}: ${percentInterval(total.pass_rate)}`],
    ['mean score', percentInterval(total.score)],
    ['answer accepted', percent(total.answered)],
    ['root cause right', percent(total.root_cause)],
    ['fix', percent(total.fix)],
    ['fix confirmed by the tools', percent(total.validated)],
    ['evidence', percent(total.evidence)],
    ['claims follow the tools', percent(total.verdict)],
    ['changes where none was needed', String(total.unneeded_changes)],
    ['violations left in answers', String(total.violations)],
    ['rounds per run', decimal(total.rounds)],
    ['tokens per run, in and out', `${decimal(total.input_tokens, 0)}, ${decimal(total.output_tokens, 0)}`],
    ['time per run', seconds(total.duration_ms)],
    ['cost of all runs', total.cost === null ? 'no prices were given' : total.cost.toFixed(4)],
    ['provider errors, not scored', String(total.provider_errors)],
  ]
}

/** Columns of {@link scenarioRows}. */
export const scenarioColumns = [
  'scenario',
  'passed',
  'score',
  'root cause',
  'fix',
  'evidence',
  'rounds',
  'tokens',
  'time',
  'errors',
] as const

/** One row for each scenario. The cells have no text of a model. */
export function scenarioRows({ scenarios }: EvaluationDocument): readonly (readonly string[])[] {
  return scenarios.map(({ scenario, figures }) => [
    scenario,
    `${figures.passed} of ${figures.runs}`,
    percent(figures.score.value),
    percent(figures.root_cause),
    percent(figures.fix),
    percent(figures.evidence),
    decimal(figures.rounds),
    decimal(tokensOf(figures), 0),
    seconds(figures.duration_ms),
    String(figures.provider_errors),
  ])
}

/** Runs that did not pass, each with the reasons. */
export function failedRuns({ runs }: EvaluationDocument): readonly RunRecord[] {
  return runs.filter(({ score }) => score !== null && !score.passed)
}

/** Runs that the provider failed. */
export function erroneousRuns({ runs }: EvaluationDocument): readonly RunRecord[] {
  return runs.filter(({ error }) => error !== null)
}

/** Settings that a reader needs to repeat the evaluation. */
export function settingsRows({ settings }: EvaluationDocument): readonly (readonly [name: string, value: string])[] {
  return [
    ['arm', settings.arm],
    ['model', settings.model],
    ['runs of each scenario', String(settings.runs)],
    ['seed', String(settings.seed)],
    ['tenrounds', settings.package_version],
    ['version of the score', String(settings.evaluation_version)],
    ['hash of the oracles', settings.oracles],
  ]
}

/** How the score is computed. */
export const method: readonly string[] = [
  'A run passes if its root cause is right, its fix is right, and the tools confirm the fix. The interval of the share is the Wilson interval of 95 %.',
  `The score of a run is ${weights.root_cause} for the root cause, ${weights.fix} for the fix (half for a fix that only helps), ${weights.evidence} for evidence and ${weights.verdict} for claims that follow the tools. Evidence counts only for a right cause, and claims only for a fix that helps. A run without an accepted answer has 0. The interval of the mean is a bootstrap over scenarios.`,
  'The root cause is judged by patterns of accepted wordings, a fix by the oracle of the scenario or, if the oracle does not have it, by its effect in the simulation. No model judges. A change proposed for a healthy engine is a failure.',
  'Runs that the provider failed have no score.',
]

/** Tokens of a run, in and out together. */
function tokensOf({ input_tokens, output_tokens }: EvaluationFigures): number | null {
  return input_tokens === null || output_tokens === null ? null : input_tokens + output_tokens
}

/** A number with a fixed number of digits; a dash for `null`. */
function decimal(value: number | null, digits = 1): string {
  return value === null ? '–' : value.toFixed(digits)
}

/** A duration in seconds, for people. */
function seconds(milliseconds: number | null): string {
  return milliseconds === null ? '–' : `${(milliseconds / 1000).toFixed(1)} s`
}

/** Longest text of a model in a cell, in bytes. `eval.json` has it all. */
export const cellBytes = 300

/**
 * An evaluation as Markdown.
 *
 * The headline with its confidence intervals comes first, then the figures of all runs and of each scenario, the runs that did
 * not pass with the reasons, the errors of the provider, the method and the settings.
 *
 * Text from models is escaped, so it cannot add headings, links or other markup.
 *
 * @param document result of `evaluate`, or the content of an `eval.json` of this release.
 */
export function renderEvaluationMarkdown(document: EvaluationDocument): string {
  const failed = failedRuns(document).map(({ scenario, run, score, result }) => [
    inlineCode(scenario),
    String(run),
    escapeText(excerpt(result.root_cause, cellBytes)),
    escapeText(excerpt((score?.reasons ?? []).join(' '), cellBytes)),
  ])
  const erroneous = erroneousRuns(document).map(({ scenario, run, error }) => [
    inlineCode(scenario),
    String(run),
    escapeText(excerpt(`${error?.code ?? error?.name}: ${error?.message}`, cellBytes)),
  ])
  const sections = [
    `# Evaluation: ${escapeText(document.settings.arm)}, ${escapeText(document.settings.model)}`,
    `**${escapeText(headline(document))}**`,
    '## All runs',
    table(['figure', 'value'], totalRows(document).map(escaped)),
    '## Scenarios',
    table(scenarioColumns, scenarioRows(document).map(escaped)),
    ...(failed.length === 0
      ? []
      : ['## Runs that did not pass', table(['scenario', 'run', 'named cause', 'why'], failed)]),
    ...(erroneous.length === 0 ? [] : ['## Provider errors', table(['scenario', 'run', 'error'], erroneous)]),
    '## Method',
    method.map((sentence) => `- ${sentence}`).join('\n'),
    '## Settings',
    table(['setting', 'value'], settingsRows(document).map(escaped)),
  ]
  return `${sections.join('\n\n')}\n`
}

/** Names of scenarios and models can have characters of Markdown. */
function escaped(cells: readonly string[]): readonly string[] {
  return cells.map((cell) => escapeText(cell))
}
