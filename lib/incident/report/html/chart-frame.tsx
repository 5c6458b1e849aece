import { scaleLinear } from 'd3-scale'
import { line } from 'd3-shape'
import type { ComponentChildren } from 'preact'

// All plots have the same size, so that they can be compared. Text keeps a readable size on a phone: the drawing is as wide
// as a phone's screen.

/** Size of a plot in units of its drawing. */
export const size = { width: 400, height: 230, left: 48, right: 18, top: 16, bottom: 28 } as const

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
  /** Unit of the vertical axis; null if its marks have it. */
  readonly unit: string | null
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
  const { id, title, unit, description, xTicks, yTicks, children, data } = props
  const [left, right, bottom] = [size.left, size.width - size.right, size.height - size.bottom]
  return (
    <figure class="chart">
      <figcaption>
        {title}
        {unit === null ? null : <span class="unit"> ({unit})</span>}
      </figcaption>
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
