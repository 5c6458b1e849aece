/* @jsxRuntime automatic @jsxImportSource preact */
import { scaleLinear } from 'd3-scale'
import { formatFigure } from '../../../../tools/validation/deltas.ts'
import type { ReportDocument } from '../report-schema.ts'
import {
  areEqual,
  ChartFrame,
  markRow,
  type Point,
  partsOf,
  path,
  pointsOf,
  size,
  type Tick,
  verticalScale,
} from './chart-frame.tsx'
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
  const isSame = areEqual(before, after)
  const { limit } = series
  const all = [...before, ...after]
  const end = all.reduce((last, [second]) => Math.max(last, second), charts.duration_s ?? 0)
  const x = scaleLinear()
    .domain([0, end > 0 ? end : 1])
    .range([size.left, size.width - size.right])
  const highest = all.reduce((most, [, value]) => Math.max(most, value), limit ?? 0)
  const y = verticalScale(series.unit === 'share' ? topOfShares(highest) : highest * 1.05, (value) =>
    axisLabel(value, series.unit),
  )
  const clock = clockFrom(charts.start, end)
  const xTicks = secondsOfMarks(end).map((second): Tick => ({ at: x(second), label: clock(second) }))
  const draw = (points: readonly Point[]) =>
    partsOf(points)
      .map((part) => path(part.map(([second, value]) => [x(second), y.scale(value)])))
      .join('')
  return (
    <ChartFrame
      id={`series-${series.name}`}
      title={series.title}
      xTitle={charts.start === null ? 'minutes since the start' : 'time of day, UTC'}
      yTitle={yTitles[series.unit] ?? series.unit}
      description={describe(series, before, after, clock, end)}
      xTicks={xTicks}
      yTicks={series.unit === 'requests' ? y.ticks.filter(({ label }) => /^\d+k?$/.test(label)) : y.ticks}
      data={<Samples series={series} before={before} after={after} clock={clock} />}
    >
      <path class="line before" d={draw(before)} />
      {after.length === 0 || isSame ? null : <path class="line after" d={draw(after)} />}
      {limit === null ? null : (
        <line class="limit" x1={size.left} x2={size.width - size.right} y1={y.scale(limit)} y2={y.scale(limit)} />
      )}
      <Moments moments={momentsOf(document, end).map((moment) => ({ ...moment, x: x(moment.second) }))} />
    </ChartFrame>
  )
}

/** Titles of the vertical axis by the unit of the series. */
const yTitles: { readonly [unit: string]: string } = { s: 'seconds', share: 'share of blocks', '1/s': 'per second' }

/** A vertical line of a plot over time. */
export interface Moment {
  /** Its style and what it marks. */
  readonly kind: 'trigger' | 'onset'
  /** Its name. */
  readonly name: string
  /** Seconds since the start of the window. */
  readonly second: number
}

/**
 * Trigger and onset in the window, in order of time.
 *
 * Both can be the same log line, or lie in the same interval of the metrics. Then they are one moment, because two lines in one
 * place cannot be told apart.
 */
export function momentsOf(document: ReportDocument, end: number): Moment[] {
  const { onset_s: onset } = document.charts
  const trigger = triggerSecond(document, end)
  if (trigger !== null && onset !== null && Math.abs(trigger - onset) < end / 200)
    return [{ kind: 'onset', name: 'trigger and onset', second: onset }]
  const moments: Moment[] = []
  if (trigger !== null) moments.push({ kind: 'trigger', name: 'trigger', second: trigger })
  if (onset !== null) moments.push({ kind: 'onset', name: 'onset', second: onset })
  return moments.toSorted((a, b) => a.second - b.second)
}

/** Second of the trigger in the window; null if its time is not known or outside. */
function triggerSecond({ trigger, charts }: ReportDocument, end: number): number | null {
  if (trigger.time === null || charts.start === null) return null
  const second = (Date.parse(trigger.time) - Date.parse(charts.start)) / 1000
  return second >= 0 && second <= end ? second : null
}

/** Width of a letter of a name, about. */
const letterWidth = 6.6

/** Vertical lines with their names above the plot. The first of two names is left of its line, so that they do not overlap. */
function Moments({ moments }: { readonly moments: readonly (Moment & { readonly x: number })[] }) {
  return (
    <>
      {moments.map(({ kind, name, x }, index) => {
        const next = moments[index + 1]
        const isEnd = next !== undefined || x + 4 + name.length * letterWidth > size.width
        const nextWidth = next === undefined ? 0 : next.name.length * letterWidth
        // The last name may itself be left of its line, at the right edge.
        const most = next === undefined || next.x + 4 + nextWidth <= size.width ? x : next.x - nextWidth - 4
        return (
          <g>
            <line class={kind} x1={x} x2={x} y1={size.top - 4} y2={size.height - size.bottom} />
            <text class={`mark ${isEnd ? 'end' : ''}`} x={isEnd ? Math.min(x, most) - 3 : x - 2} y={markRow}>
              {name}
            </text>
          </g>
        )
      })}
    </>
  )
}

/** Upper end of an axis of shares: 100 % where the figure comes near it, and less where the line would be flat. */
function topOfShares(highest: number): number {
  return highest > 0.4 ? Math.max(1, highest) : Math.max(0.1, highest * 1.05)
}

/** A mark of the vertical axis. Its unit is in the title, except for shares. */
function axisLabel(value: number, unit: string): string {
  if (unit === 'share') return formatFigure(value, 'share')
  if (unit === 's') return formatFigure(value, 's')
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

/**
 * The figures of the plot in sentences.
 *
 * The last value and the highest one answer the two questions that a reader has: is it over, and how bad was it.
 *
 * @param end of the window in seconds. A line that ends much earlier has its end in the text.
 */
function describe(
  { unit, limit }: Series,
  before: readonly Point[],
  after: readonly Point[],
  clock: (s: number) => string,
  end: number,
): string {
  const side = (name: string, points: readonly Point[]) => {
    const [first] = points
    const last = points.at(-1)
    if (first === undefined || last === undefined) return `${name}: no data.`
    if (points.every(([, value]) => value === first[1])) return `${name}: ${formatFigure(first[1], unit)} all the time.`
    const highest = points.reduce((most, point) => (point[1] > most[1] ? point : most), first)
    // The vertical axis names what is counted.
    const [to, top] = [last, highest].map(([, value]) => formatFigure(value, unit === 'requests' ? '' : unit).trim())
    // A latency ends where nothing is served any more.
    const ending = end - last[0] > end / 20 ? `at ${clock(last[0])} (no data after it)` : 'at the end'
    return last[1] === highest[1]
      ? `${name}: ${to} ${ending}, which is the most.`
      : `${name}: ${to} ${ending}, at most ${top} (${clock(highest[0])}).`
  }
  const sides = areEqual(before, after)
    ? [side('Before and after are equal', before)]
    : after.length === 0
      ? [side('In the window', before)]
      : [side('Before', before), side('After', after)]
  return [...sides, ...(limit === null ? [] : [`Objective: at most ${formatFigure(limit, unit)}.`])].join(' ')
}

/** Some of the points as a table, for people who do not see the drawing. */
function Samples(props: {
  readonly series: Series
  /** Complete points of the incident. */
  readonly before: readonly Point[]
  /** Complete points with the fix; empty without one. */
  readonly after: readonly Point[]
  /** Makes the time of day of a second. */
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
