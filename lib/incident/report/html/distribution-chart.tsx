/* @jsxRuntime automatic @jsxImportSource preact */
import { scaleLog } from 'd3-scale'
import { formatFigure } from '../../../../tools/validation/deltas.ts'
import type { ReportDocument } from '../report-schema.ts'
import {
  areEqual,
  ChartFrame,
  markRow,
  type Point,
  path,
  pointsOf,
  size,
  type Tick,
  verticalScale,
} from './chart-frame.tsx'
import { Table } from './parts.tsx'

type Distribution = ReportDocument['charts']['distributions'][number]
type Statistics = ReportDocument['pre_telemetry']['latency']['ttft_s']

/**
 * The share of observations up to a number of seconds, before and after the fix. The line that rises earlier is faster.
 * The objective is a point: the share that must be reached at the limit.
 */
export function DistributionChart({
  chart,
  document,
}: {
  readonly chart: Distribution
  readonly document: ReportDocument
}) {
  const before = pointsOf(chart.before)
  const after = chart.after === null ? [] : pointsOf(chart.after)
  const { limit, limit_share } = chart
  const x = timeScale(
    [...before, ...after].map(([seconds]) => seconds).concat(limit === null ? [] : limit * roomOfLimit),
  )
  const y = verticalScale(1, (share) => formatFigure(share, 'share'))
  const draw = (points: readonly Point[]) => path(points.map(([s, share]) => [x.at(s), y.scale(share)]))
  const name = chart.name
  const isSame = areEqual(before, after)
  // Without a line of the fix there are no figures of it either.
  const fixed = after.length === 0 ? undefined : document.post_telemetry?.latency[name]
  const statistics = [document.pre_telemetry.latency[name], fixed] as const
  return (
    <ChartFrame
      id={`distribution-${name}`}
      title={chart.title}
      xTitle="seconds, log scale"
      yTitle={name === 'inter_token_s' ? 'share of tokens' : 'share of requests'}
      description={describe(chart, statistics, isSame)}
      xTicks={x.ticks}
      yTicks={y.ticks}
      data={<Statistics statistics={statistics} title={chart.title} />}
    >
      {limit === null ? null : <Limit x={x.at(limit)} y={limit_share === null ? null : y.scale(limit_share)} />}
      <path class="line before" d={draw(before)} />
      {after.length === 0 || isSame ? null : <path class="line after" d={draw(after)} />}
    </ChartFrame>
  )
}

/** The axis goes on after the objective, so that its line is not the edge of the plot. */
const roomOfLimit = 1.25

/** The limit as a vertical line, and the share that must be reached there as a ring. */
function Limit({ x, y }: { readonly x: number; readonly y: number | null }) {
  const isRight = x > size.width - size.right - 25
  return (
    <g>
      <line class="limit" x1={x} x2={x} y1={size.top - 4} y2={size.height - size.bottom} />
      {y === null ? null : <circle class="limit-point" cx={x} cy={y} r={4} />}
      <text class={`mark ${isRight ? 'end' : 'middle'}`} x={isRight ? size.width - 2 : x} y={markRow}>
        objective
      </text>
    </g>
  )
}

/** A logarithmic scale of seconds, at least a factor of ten wide. Zero is drawn at the left edge. */
function timeScale(seconds: readonly number[]): { readonly at: (seconds: number) => number; readonly ticks: Tick[] } {
  const positive = seconds.filter((value) => value > 0)
  const lowest = positive.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY)
  const highest = positive.reduce((most, value) => Math.max(most, value), 0)
  const [low, high] = positive.length === 0 ? [0.1, 1] : [lowest, Math.max(highest, lowest * 10)]
  const scale = scaleLog()
    .domain([low, high])
    .range([size.left, size.width - size.right])
  const ticks = marksOf(low, high).map((value) => ({ at: scale(value), label: formatFigure(value, 's') }))
  return { at: (value) => scale(Math.max(value, low)), ticks }
}

/** More marks would overlap on the horizontal axis. */
const mostMarks = 7

/**
 * Marks of a logarithmic axis: 1, 2 and 5 of each decade, or fewer if there are many decades.
 *
 * @param low is the left end of the axis, above 0.
 * @param high is at least ten times `low`, so there are always two marks or more.
 */
function marksOf(low: number, high: number): number[] {
  const decades = Array.from(
    { length: Math.ceil(Math.log10(high / low)) + 2 },
    (_, index) => Math.floor(Math.log10(low)) + index,
  )
  const choices = [[1, 2, 5], [1, 3], [1]].map((digits) =>
    decades
      .flatMap((decade) => digits.map((digit) => Number(`${digit}e${decade}`)))
      .filter((value) => value >= low && value <= high),
  )
  return choices.find(({ length }) => length <= mostMarks) ?? choices.at(-1) ?? []
}

/** The figures of the plot in sentences. */
function describe(
  chart: Distribution,
  [before, after]: readonly [Statistics, Statistics | undefined],
  isSame: boolean,
): string {
  const { limit, limit_share: share } = chart
  const objective =
    limit === null
      ? ''
      : ` Objective: ${share === null ? '' : `${formatFigure(share, 'share')} `}within ${formatFigure(limit, 's')}.`
  const sides = isSame
    ? [`Before and after are equal: ${quantiles(before)}.`]
    : after === undefined
      ? [`In the window: ${quantiles(before)}.`]
      : [`Before: ${quantiles(before)}.`, ` After: ${quantiles(after)}.`]
  return `${sides.join('')}${objective}`
}

/** The quantiles that objectives are about, in one line. */
function quantiles({ p50, p95, p99 }: Statistics): string {
  return [
    ['p50', p50],
    ['p95', p95],
    ['p99', p99],
  ]
    .map(([name, value]) => `${name} ${formatFigure(typeof value === 'number' ? value : null, 's')}`)
    .join(', ')
}

/** The statistics of the telemetry as a table. They are exact, and a point of the line may be rounded. */
function Statistics(props: {
  readonly title: string
  readonly statistics: readonly [Statistics, Statistics | undefined]
}) {
  const [before, after] = props.statistics
  const rows = (['mean', 'p50', 'p95', 'p99'] as const).map((name) => [
    name,
    formatFigure(before[name], 's'),
    ...(after === undefined ? [] : [formatFigure(after[name], 's')]),
  ])
  return (
    <Table
      caption={`Statistics: ${props.title}`}
      header={['Statistic', 'Before', ...(after === undefined ? [] : ['After'])]}
      numeric={[1, 2]}
      rows={rows}
    />
  )
}
