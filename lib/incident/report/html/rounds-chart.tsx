/* @jsxRuntime automatic @jsxImportSource preact */
import { scaleLinear } from 'd3-scale'
import { formatFigure } from '../../../../tools/validation/deltas.ts'
import type { ReportDocument } from '../report-schema.ts'
import type { Tick } from './chart-frame.tsx'
import { Scroller } from './parts.tsx'

type Round = ReportDocument['course']['rounds'][number]

/** A bar of the drawing. */
interface Bar {
  /** A model call, a tool call, or a tool call that failed. */
  readonly kind: 'model' | 'tool' | 'failed'
  /** Name and duration, beside the bar. */
  readonly label: string
  /** Milliseconds since the start of the run. */
  readonly start: number
  /** Milliseconds since the start of the run. */
  readonly end: number
  /** Number of the round at its first bar. */
  readonly round: number | undefined
}

// Size of the drawing. It scrolls sideways on a phone, where all its text would be too small.
const width = 720
const left = 70
const right = 16
const rowHeight = 20
const top = 24

/** The model calls and tool calls of a run over its time, one row each. */
export function RoundsChart({ rounds }: { readonly rounds: readonly Round[] }) {
  const bars = rounds.flatMap(barsOf)
  const end = bars.reduce((last, bar) => Math.max(last, bar.end), 1)
  const x = scaleLinear()
    .domain([0, end])
    .range([left, width - right])
  const ticks = x.ticks(6).map((ms): Tick => ({ at: x(ms), label: formatFigure(ms / 1000, 's') }))
  const height = top + bars.length * rowHeight + 4
  const calls = rounds.reduce((sum, round) => sum + round.calls.length, 0)
  const description = `${rounds.length} model ${rounds.length === 1 ? 'call' : 'calls'} and ${calls} tool ${calls === 1 ? 'call' : 'calls'} in ${formatFigure(end / 1000, 's')}. The table below has each of them.`
  return (
    <figure class="rounds">
      <figcaption>Rounds of the run over time</figcaption>
      <p class="note hint">Scroll sideways to see all of it.</p>
      <Scroller label="Rounds of the run over time">
        <svg viewBox={`0 0 ${width} ${height}`} role="img" aria-labelledby="rounds-title rounds-text">
          <title id="rounds-title">Rounds of the run over time</title>
          <desc id="rounds-text">{description}</desc>
          {ticks.map(({ at, label }) => (
            <g>
              <line class="grid" x1={at} x2={at} y1={top - 6} y2={height} />
              <text class="tick middle" x={at} y={12}>
                {label}
              </text>
            </g>
          ))}
          {bars.map((bar, row) => (
            <BarRow bar={bar} y={top + row * rowHeight} from={x(bar.start)} to={x(bar.end)} />
          ))}
        </svg>
      </Scroller>
    </figure>
  )
}

function BarRow(props: { readonly bar: Bar; readonly y: number; readonly from: number; readonly to: number }) {
  const { bar, y, from, to } = props
  const end = Math.max(to, from + 2)
  const label = labelPlace(from, end, bar.label.length * letterWidth)
  return (
    <g>
      {bar.round === undefined ? null : (
        <>
          <line class="axis" x1={0} x2={width - right} y1={y} y2={y} />
          <text class="tick" x={2} y={y + 14}>
            round {bar.round}
          </text>
        </>
      )}
      <rect class={`bar ${bar.kind}`} x={round1(from)} y={y + 3} width={round1(end - from)} height={rowHeight - 6} />
      <text class={`bar-label ${label.kind}`} x={round1(label.x)} y={y + 14}>
        {bar.label}
      </text>
    </g>
  )
}

/** Width of a letter of a label, about. */
const letterWidth = 6.3

/** A label is after its bar where it fits, else before it, else in it. */
function labelPlace(from: number, to: number, length: number): { readonly kind: string; readonly x: number } {
  if (to + 5 + length < width - right) return { kind: '', x: to + 5 }
  if (from - 5 - length > left) return { kind: 'end', x: from - 5 }
  return { kind: 'inside', x: Math.max(from, left) + 5 }
}

/** The model call of a round, and then its tool calls. */
function barsOf({ round, start_ms, model_ms, calls }: Round): Bar[] {
  const model: Bar = {
    kind: 'model',
    label: `model ${formatFigure(model_ms / 1000, 's')}`,
    start: start_ms,
    end: start_ms + model_ms,
    round,
  }
  const tools = calls.map(({ tool, status, start_ms: start, end_ms: end }): Bar => {
    const name = tool.length > 40 ? `${tool.slice(0, 39)}…` : tool
    const time = formatFigure((end - start) / 1000, 's')
    const isOk = status === 'ok'
    return { kind: isOk ? 'tool' : 'failed', label: `${isOk ? '' : '✕ '}${name} ${time}`, start, end, round: undefined }
  })
  return [model, ...tools]
}

function round1(value: number): number {
  return Math.round(value * 10) / 10
}
