import { change, figure, headlineDeltas, price } from '../report/figures.ts'
import type { ReportDocument } from '../report/report.ts'

/** What the terminal says at the end: the verdict with the figures before and after. */
export function verdict(document: ReportDocument): string {
  const { validation, diagnosis, fix_plan: plan } = document
  const rows = headlineDeltas(validation.deltas).map((delta) => [
    delta.metric,
    figure(delta.before, delta.unit),
    figure(delta.after, delta.unit),
    change(delta),
    delta.verdict,
  ])
  const lines = [
    ...(document.notice === null ? [] : [document.notice, '']),
    `Cause       ${oneLine(diagnosis.root_cause)}`,
    `Fix         ${oneLine(plan?.summary ?? 'none')}`,
    `Validation  ${validation.status}: ${oneLine([validation.summary, price(validation) ?? []].flat().join(' '))}`,
    ...(rows.length === 0 ? [] : ['', ...columns([['figure', 'before', 'after', 'change', ''], ...rows])]),
  ]
  return lines.join('\n')
}

function columns(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd())
}

/** Model output on a terminal: one line, no control characters. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\s]+/gu, ' ').trim()
}
