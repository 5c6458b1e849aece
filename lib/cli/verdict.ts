import { numberHidden, onOneLine } from '../../router/text/on-one-line.ts'
import type { MetricDelta } from '../../tools/types.ts'
import { formatFigure } from '../../tools/validation/deltas.ts'
import { metricLabel } from '../../tools/validation/figure-labels.ts'
import { formatChange, headlineDeltas, tradeoffNote } from '../incident/report/figures.ts'
import type { ReportDocument } from '../incident/report/report-schema.ts'
import type { StyledText, TerminalOutput } from './terminal-output.ts'
import { hanging, table, wrap } from './text-layout.ts'

type Style = StyledText['style']

const stateStyles: Readonly<Record<ReportDocument['headline']['state'], Style>> = {
  outage: 'red',
  degraded: 'yellow',
  healthy: 'green',
  unknown: 'yellow',
}

const validationStyles: Readonly<Record<ReportDocument['validation']['status'], Style>> = {
  improved: 'green',
  unchanged: 'yellow',
  regressed: 'red',
  unknown: 'yellow',
}

/** Width of the labels, with the space after them. */
const labelWidth = 12

/**
 * Prints the summary of a report: impact, onset, trigger, cause, fix and validation, the figures before and after, and the
 * first commands to run. Text is wrapped at the width of the terminal, except for commands, which are copied.
 */
export function writeVerdict(output: TerminalOutput, document: ReportDocument): void {
  const { headline, onset, trigger, diagnosis, fix_plan: plan, validation, violations, notice } = document
  const row = (label: string, text: string, style?: Style) => writeRow(output, label, shown(text), style)
  output.write('\n')
  if (notice !== null) {
    for (const line of wrap(firstSentence(notice), output.columns)) output.write(...wholeLine(line, 'yellow'))
    output.write('\n')
  }
  row('Impact', headline.text, stateStyles[headline.state])
  row('Onset', timed(onset.time, onset.text))
  // The line above has the sentence about the onset.
  row('Trigger', timed(trigger.time, trigger.text.replace(`: ${onset.text}`, '.')))
  row('Cause', `${diagnosis.root_cause} (confidence: ${diagnosis.confidence})`)
  row('Fix', plan?.summary ?? 'none')
  const validated = [validation.summary, tradeoffNote(validation) ?? []].flat().join(' ')
  row('Validation', `${validation.status}: ${validated}`, validationStyles[validation.status])
  if (violations.length > 0) {
    const more = violations.length === 1 ? '' : ` (and ${violations.length - 1} more, see the report)`
    row('Violations', `${violations.length}: ${violations[0]}${more}`, 'red')
  }
  writeFigures(output, document)
  writeFirstCommands(output, document)
}

/** A label and its text, which is wrapped beside it. */
function writeRow(output: TerminalOutput, label: string, text: string, style?: Style): void {
  const lines = hanging(label.padEnd(labelWidth), text, output.columns)
  for (const [index, line] of lines.entries()) {
    const labelled = index === 0 ? labelWidth : 0
    output.write({ style: 'bold', text: line.slice(0, labelled) }, ...wholeLine(line.slice(labelled), style))
  }
}

function wholeLine(text: string, style?: Style): readonly (string | StyledText)[] {
  return [style === undefined ? text : { style, text }, '\n']
}

/** A text on one line, in which characters that nobody sees are shown by their numbers. */
function shown(text: string): string {
  return onOneLine(numberHidden(text))
}

/** A text after its time to the second. A text that states the time of day gets only the date. */
function timed(time: string | null, text: string): string {
  if (time === null) return text
  const clock = `${time.slice(11, 19)} UTC`
  return text.includes(clock)
    ? text.replace(clock, `${time.slice(0, 10)} ${clock}`)
    : `${time.slice(0, 10)} ${clock}: ${text}`
}

/** The whole notice is at the top of the output. */
function firstSentence(notice: string): string {
  return notice.split(/(?<=\.) /, 1)[0] ?? notice
}

function writeFigures(output: TerminalOutput, { validation }: ReportDocument): void {
  const rows = headlineDeltas(validation.deltas).map((delta) => [
    onOneLine(metricLabel(delta.metric)),
    figureOf(delta, delta.before),
    figureOf(delta, delta.after),
    formatChange(delta),
    delta.verdict,
  ])
  if (rows.length === 0) return
  const lines = table([['figure', 'before', 'after', 'change', ''], ...rows], output.columns)
  output.write(`\n${lines.join('\n')}\n`)
}

/** The name of a figure says what is counted, so the unit is left out. */
function figureOf({ metric, unit }: MetricDelta, value: number | null): string {
  const text = formatFigure(value, unit)
  return unit.length > 1 && metricLabel(metric).includes(unit) ? text.replace(` ${unit}`, '') : text
}

/** The commands of the first step that has any. The other steps are in the report. */
function writeFirstCommands(output: TerminalOutput, { fix_steps: steps }: ReportDocument): void {
  const first = steps.find(({ commands }) => commands.length > 0)
  if (first === undefined) return
  const isOnly = steps.length === 1
  output.write('\n')
  const number = isOnly ? '' : `Step ${steps.indexOf(first) + 1} of ${steps.length}: `
  writeRow(output, 'Run now', `${number}${shown(first.title)}`)
  for (const command of first.commands) output.write(`${command.replaceAll(/^/gm, '  ')}\n`)
  if (!isOnly)
    writeRow(output, '', steps.length === 2 ? 'The other step is in the report.' : 'The other steps are in the report.')
}
