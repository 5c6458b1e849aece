import { scaleLinear } from 'd3-scale'
import { formatFigure } from '../../../../tools/validation/deltas.ts'
import type { ReportDocument } from '../report-schema.ts'
import { ChartFrame, type Point, path, pointsOf, size, type Tick, verticalScale } from './chart-frame.tsx'
import { Table } from './parts.tsx'

type Charts = ReportDocument['charts']
type Series = Charts['series'][number]

/** Rows of the table of a series. The document has all points. */
const tableRows = 12

/** A figure over the time of the window, with and without the fix. Trigger and onset are vertical lines. */
export function SeriesChart({ series, document }: { readonly series: Series; readonly document: ReportDocument }) {
  const { charts } = document
  const before = pointsOf(series.before)
  const after = series.after === null ? [] : pointsOf(series.after)
  const all = [...before, ...after]
  const end = all.reduce((last, [second]) => Math.max(last, second), charts.duration_s ?? 0)
  const x = scaleLinear()
    .domain([0, end > 0 ? end : 1])
    .range([size.left, size.width - size.right])
  const highest = all.reduce((most, [, value]) => Math.max(most, value), 0)
  const y = verticalScale(series.unit === 'share' ? Math.max(1, highest) : highest * 1.05, (value) =>
    axisLabel(value, series.unit),
  )
  const clock = clockFrom(charts.start, end)
  const xTicks = secondsOfMarks(end).map((second): Tick => ({ at: x(second), label: clock(second) }))
  const draw = (points: readonly Point[]) => path(points.map(([second, value]) => [x(second), y.scale(value)]))
  const { onset_s: onset } = charts
  const trigger = triggerSecond(document, end)
  return (
    <ChartFrame
      id={`series-${series.name}`}
      title={series.title}
      unit={series.unit === 'share' ? null : series.unit === '1/s' ? 'per second' : series.unit}
      description={describe(series.unit, before, after, clock)}
      xTicks={xTicks}
      yTicks={series.unit === 'requests' ? y.ticks.filter(({ label }) => /^\d+k?$/.test(label)) : y.ticks}
      data={<Samples series={series} before={before} after={after} clock={clock} />}
    >
      <path class="line before" d={draw(before)} />
      {after.length === 0 ? null : <path class="line after" d={draw(after)} />}
      {trigger === null ? null : <Moment name="trigger" x={x(trigger)} row={1} />}
      {onset === null ? null : <Moment name="onset" x={x(onset)} row={0} />}
    </ChartFrame>
  )
}

/** Second of the trigger in the window; null if its time is not known or outside. */
export function triggerSecond({ trigger, charts }: ReportDocument, end: number): number | null {
  if (trigger.time === null || charts.start === null) return null
  const second = (Date.parse(trigger.time) - Date.parse(charts.start)) / 1000
  return second >= 0 && second <= end ? second : null
}

/** A vertical line with its name. Two moments can be close together, so each name has its own row. */
function Moment({ name, x, row }: { readonly name: 'onset' | 'trigger'; readonly x: number; readonly row: number }) {
  const isRight = x > size.width / 2
  return (
    <g>
      <line class={name} x1={x} x2={x} y1={size.top - 6} y2={size.height - size.bottom} />
      <text class={`mark ${isRight ? 'end' : ''}`} x={x + (isRight ? -5 : 5)} y={size.top + row * 13}>
        {name}
      </text>
    </g>
  )
}

/** A mark of the vertical axis. Its unit is in the title, except for shares. */
function axisLabel(value: number, unit: string): string {
  if (unit === 'share') return formatFigure(value, 'share')
  return value >= 10_000 ? `${value / 1000}k` : String(value)
}

/** Steps of the horizontal axis in seconds that people count in. */
const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400]

/** Four to six marks at whole steps. */
function secondsOfMarks(end: number): number[] {
  const step = steps.find((one) => end / one <= 5) ?? end / 4
  return Array.from({ length: Math.floor(end / step + 1e-9) + 1 }, (_, index) => index * step)
}

/** Makes the time of day of a second, or minutes since the start of the window if the time is not known. */
function clockFrom(start: string | null, end: number): (second: number) => string {
  const origin = start === null ? Number.NaN : Date.parse(start)
  const length = end < 300 ? 'HH:MM:SS'.length : 'HH:MM'.length
  return (second) =>
    Number.isNaN(origin)
      ? `${Math.round(second / 6) / 10} min`
      : new Date(origin + second * 1000).toISOString().slice(11, 11 + length)
}

/** The figures of the plot in sentences. */
function describe(
  unit: string,
  before: readonly Point[],
  after: readonly Point[],
  clock: (s: number) => string,
): string {
  const side = (name: string, points: readonly Point[]) => {
    const [first] = points
    const last = points.at(-1)
    if (first === undefined || last === undefined) return `${name}: no data.`
    if (points.every(([, value]) => value === first[1])) return `${name}: ${formatFigure(first[1], unit)} all the time.`
    const highest = points.reduce((most, point) => (point[1] > most[1] ? point : most), first)
    const [from, to, top] = [first, last, highest].map(([, value]) => formatFigure(value, unit))
    return `${name}: from ${from} to ${to}, highest ${top} at ${clock(highest[0])}.`
  }
  return [side('Before', before), ...(after.length === 0 ? [] : [side('After', after)])].join(' ')
}

function Samples(props: {
  readonly series: Series
  readonly before: readonly Point[]
  readonly after: readonly Point[]
  readonly clock: (second: number) => string
}) {
  const { series, before, after, clock } = props
  const every = Math.max(1, Math.ceil(before.length / tableRows))
  const values = new Map(after)
  const rows = before
    .filter((_, index) => index % every === 0)
    .map(([second, value]) => [
      clock(second),
      formatFigure(value, series.unit),
      ...(after.length === 0 ? [] : [formatFigure(values.get(second) ?? null, series.unit)]),
    ])
  return (
    <Table
      caption={`Samples: ${series.title}`}
      header={['Time', 'Before', ...(after.length === 0 ? [] : ['After'])]}
      numeric={[1, 2]}
      rows={rows}
    />
  )
}
