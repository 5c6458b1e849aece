import type { Statistic } from './harness.ts'

export interface Row {
  readonly what: string
  /** The figure that counts: by CPU time, unless the row says otherwise. */
  readonly figure: string
  /** By wall time, or what else helps to read the figure. */
  readonly aside?: string
  readonly goal?: Goal
}

export interface Goal {
  readonly text: string
  readonly met: boolean
}

export function atMost(value: number, limit: number, unit: string): Goal {
  return { text: `≤ ${limit}${unit}`, met: value <= limit }
}

export function atLeast(value: number, limit: number, unit: string): Goal {
  return { text: `≥ ${limit}${unit}`, met: value >= limit }
}

/** A median with its spread in brackets. */
export function shown({ median, low, high }: Statistic, unit: string, digits = 2): string {
  return `${median.toFixed(digits)}${unit} [${low.toFixed(digits)} … ${high.toFixed(digits)}]`
}

export function printTable(title: string, rows: readonly Row[]): void {
  const cells = [
    ['', 'measured', 'wall time, or a note', 'goal', ''],
    ...rows.map(({ what, figure, aside = '', goal }) => [
      what,
      figure,
      aside,
      goal?.text ?? '',
      goal === undefined ? '' : goal.met ? 'met' : 'MISSED',
    ]),
  ]
  const widths = [0, 1, 2, 3].map((column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)))
  console.log(`\n${title}`)
  for (const row of cells) {
    console.log(`  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd())
  }
}
