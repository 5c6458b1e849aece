import { type CostCell, type FaultCell, faultCells } from './cells.ts'
import { type ContenderName, contenderNames } from './contender.ts'
import type { CostFigures } from './cost.ts'
import type { FaultFigures } from './faults.ts'
import type { Measurement } from './measurement.ts'

const titles: Readonly<Record<ContenderName, string>> = {
  tenrounds: 'tenrounds',
  'hand-written': 'hand-written',
  'ai-sdk': '`@temporalio/ai-sdk`',
  'openai-agents': '`@temporalio/openai-agents`',
}

const faultTitles: Readonly<Record<FaultCell, string>> = {
  'worker-killed': 'one of two workers killed',
  'server-away': 'server killed, away for 31 s (`--outage`)',
  'wrong-type': 'argument of a wrong type',
  'unknown-tool': 'call of an unknown tool',
  'rate-limit': 'HTTP 429, `retry-after: 5`',
  flaky: 'five of ten calls fail once (503)',
  cancel: 'cancelled in a model call: socket closed',
  unauthorized: 'HTTP 401',
}

/** A row of figures: its title, and the text for each contender, if the cells that it needs have been measured. */
interface Row {
  readonly title: string
  readonly textOf: (name: ContenderName) => string | undefined
}

/** Explains the three figures of the rows below it. */
const faultHeading: Row = {
  title: '**Faults:** answered, model calls repeated, tool executions repeated',
  textOf: () => '',
}

/** The comparison as one Markdown table. Cells without a measurement have a dash. */
export function comparisonTable(measurements: readonly Measurement[]): string {
  const rows = [...costRows(measurements), faultHeading, ...faultRows(measurements)]
  return [
    ['', ...contenderNames.map((name) => titles[name])],
    ['---', ...contenderNames.map(() => '---')],
    ...rows.map(({ title, textOf }) => [title, ...contenderNames.map((name) => textOf(name) ?? '–')]),
  ]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n')
}

function costRows(measurements: readonly Measurement[]): readonly Row[] {
  const row = (title: string, cells: readonly CostCell[], show: (figures: CostFigures) => string): Row => ({
    title,
    textOf: (name) => {
      const figures = cells.map((cell) => costOf(measurements, name, cell))
      return figures.every((each) => each === undefined)
        ? undefined
        : figures.map((each) => (each === undefined ? '–' : show(each))).join(' / ')
    },
  })
  const cpu = ({ workerCpuMs, serverCpuMs }: CostFigures) => `${workerCpuMs.toFixed(0)} + ${serverCpuMs.toFixed(0)} ms`
  const size = ({ historyBytes }: CostFigures) => `${(historyBytes / 1_000).toFixed(0)} KB`
  return [
    row('history events', ['sixteen-at-once'], ({ events }) => events.toFixed(0)),
    row('history size, results of 1 / 16 KB', ['sixteen-at-once', 'large-results'], size),
    row('Actions, model without delay / 3 s a call', ['sixteen-at-once', 'slow-model'], ({ actions }) =>
      actions.toFixed(0),
    ),
    row('runs per second, 1 / 16 at once', ['one-at-once', 'sixteen-at-once'], (each) => each.runsPerSecond.toFixed(1)),
    row('CPU, worker + server, 1 at once', ['one-at-once'], cpu),
    row('CPU, worker + server, 16 at once', ['sixteen-at-once'], cpu),
    row('CPU, worker + server, 3 s a call', ['slow-model'], cpu),
    row('duration, 3 s a call', ['slow-model'], ({ medianMs }) => `${(medianMs / 1_000).toFixed(1)} s`),
  ]
}

function faultRows(measurements: readonly Measurement[]): readonly Row[] {
  return faultCells.map((cell) => ({
    title: faultTitles[cell],
    textOf: (name) => {
      const figures = faultOf(measurements, name, cell)
      if (figures === undefined) return undefined
      const { runs, answered, modelRepeated, toolRepeated, note } = figures
      if (cell === 'cancel') return note
      return `${answered} of ${runs}, ${modelRepeated}, ${toolRepeated}${note === '' ? '' : `; ${note}`}`
    },
  }))
}

/** The last measurement of a cell counts. */
function costOf(measurements: readonly Measurement[], name: ContenderName, cell: CostCell): CostFigures | undefined {
  const found = measurements.findLast((one) => one.contender === name && one.cell === cell)
  return found?.kind === 'cost' ? found.figures : undefined
}

function faultOf(measurements: readonly Measurement[], name: ContenderName, cell: FaultCell): FaultFigures | undefined {
  const found = measurements.findLast((one) => one.contender === name && one.cell === cell)
  return found?.kind === 'fault' ? found.figures : undefined
}
