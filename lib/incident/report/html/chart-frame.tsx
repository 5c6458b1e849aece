/* @jsxRuntime automatic @jsxImportSource preact */
import { scaleLinear } from 'd3-scale'
import { line } from 'd3-shape'
import type { ComponentChildren } from 'preact'

// All plots have the same size, so that they can be compared. Text keeps a readable size on a phone: the drawing is as wide
// as a phone's screen.

/** Size of a plot in units of its drawing. */
export const size = { width: 400, height: 250, left: 48, right: 18, top: 34, bottom: 44 } as const

/** Base line of the marks' names, which are above the plot so that no line crosses them. */
export const markRow = size.top - 7

/** A mark of an axis. */
export interface Tick {
  /** Place on the axis in units of the drawing. */
  readonly at: number
  /** Text of the mark. */
  readonly label: string
}

/** A point of a line: [x, y]. */
export type Point = readonly [number, number]

/** The points of a series that are complete numbers. */
export function pointsOf(series: readonly (readonly number[])[]): Point[] {
  return series.flatMap(([x, y]) =>
    x === undefined || y === undefined || !Number.isFinite(x) || !Number.isFinite(y) ? [] : [[x, y] as const],
  )
}

/** The vertical scale from 0 to `highest`, with its marks. */
export function verticalScale(highest: number, label: (value: number) => string) {
  const scale = scaleLinear()
    .domain([0, highest > 0 ? highest : 1])
    .range([size.height - size.bottom, size.top])
  const ticks = scale.ticks(4).map((value): Tick => ({ at: scale(value), label: label(value) }))
  return { scale, ticks }
}

/** Points of a line that are further apart than so many usual distances have a gap between them, for example a stall. */
const gapFactor = 4

/**
 * Cuts a series where points are missing.
 *
 * A latency has no value while nothing is served. A line through such a time would show values that nobody observed.
 *
 * @param points in order of time. The usual distance is the median of their distances.
 */
export function partsOf(points: readonly Point[]): Point[][] {
  const steps = points.slice(1).map(([at], index) => at - (points[index]?.[0] ?? at))
  const usual = steps.toSorted((a, b) => a - b)[Math.floor(steps.length / 2)] ?? 0
  const parts: Point[][] = []
  for (const [index, point] of points.entries()) {
    const step = steps[index - 1] ?? Number.POSITIVE_INFINITY
    if (step > gapFactor * usual) parts.push([point])
    else parts.at(-1)?.push(point)
  }
  return parts
}

/** Whether two lines are the same, so that one of them is enough. */
export function areEqual(one: readonly Point[], other: readonly Point[]): boolean {
  return one.length === other.length && one.every(([x, y], index) => other[index]?.[0] === x && other[index]?.[1] === y)
}

/** A line through points that are in units of the drawing. */
export function path(points: readonly Point[]): string {
  return (
    line<Point>(
      ([x]) => x,
      ([, y]) => y,
    ).digits(1)([...points]) ?? ''
  )
}

/**
 * A plot with axes, and its description for people who do not see it.
 *
 * @param props.id is unique on the page.
 */
export function ChartFrame(props: {
  /** Begins the ids of name and description. */
  readonly id: string
  /** Name of the figure. */
  readonly title: string
  /** Title of the horizontal axis. */
  readonly xTitle: string
  /** Title of the vertical axis. */
  readonly yTitle: string
  /** The figures of the plot in sentences. They are below the drawing as well, for everybody. */
  readonly description: string
  /** Marks of the horizontal axis. */
  readonly xTicks: readonly Tick[]
  /** Marks of the vertical axis. */
  readonly yTicks: readonly Tick[]
  /** The drawing inside the axes. */
  readonly children: ComponentChildren
  /** Below the drawing: the data as a table. */
  readonly data: ComponentChildren
}) {
  const { id, title, xTitle, yTitle, description, xTicks, yTicks, children, data } = props
  const [left, right, bottom] = [size.left, size.width - size.right, size.height - size.bottom]
  return (
    <figure class="chart">
      <figcaption>{title}</figcaption>
      <svg viewBox={`0 0 ${size.width} ${size.height}`} role="img" aria-labelledby={`${id}-title ${id}-text`}>
        <title id={`${id}-title`}>{title}</title>
        <desc id={`${id}-text`}>{description}</desc>
        {yTicks.map(({ at, label }) => (
          <g>
            <line class="grid" x1={left} x2={right} y1={at} y2={at} />
            <text class="tick end" x={left - 6} y={at + 4}>
              {label}
            </text>
          </g>
        ))}
        {xTicks.map(({ at, label }) => (
          <g>
            <line class="axis" x1={at} x2={at} y1={bottom} y2={bottom + 4} />
            <text class="tick middle" x={at} y={bottom + 17}>
              {label}
            </text>
          </g>
        ))}
        <line class="axis" x1={left} x2={right} y1={bottom} y2={bottom} />
        <text class="tick" x={2} y={11}>
          {yTitle}
        </text>
        <text class="tick end" x={right} y={size.height - 5}>
          {xTitle}
        </text>
        {children}
      </svg>
      <p class="note">{description}</p>
      <details>
        <summary>Data of “{title}”</summary>
        {data}
      </details>
    </figure>
  )
}
