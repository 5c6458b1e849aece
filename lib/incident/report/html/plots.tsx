/* @jsxRuntime automatic @jsxImportSource preact */
import { formatFigure } from '../../../../tools/validation/deltas.ts'
import type { ReportDocument } from '../report-schema.ts'
import { pointsOf } from './chart-frame.tsx'
import { DistributionChart } from './distribution-chart.tsx'
import { Part } from './parts.tsx'
import { momentsOf, SeriesChart } from './series-chart.tsx'

type Charts = ReportDocument['charts']

// The order of the plots is that of the document: first the latencies that have an objective, then the load, then the engine.

/** All plots, with a legend that works without colours. What does not change is named in a sentence. */
export function plots(document: ReportDocument) {
  const { charts } = document
  const known = charts.series.filter(({ before }) => before.length > 0)
  const series = known.filter((one) => constantOf(one) === undefined)
  const distributions = charts.distributions.filter(
    (one) => one.before.length > 0 && !(one.name === 'queue_s' && isNothing(one)),
  )
  if (known.length === 0 && distributions.length === 0) return null
  const unchanging = unchangingText(known, charts.distributions)
  return (
    <>
      <p>{charts.note}</p>
      {unchanging === '' ? null : <p>{unchanging}</p>}
      <Legend document={document} charts={{ ...charts, series, distributions }} />
      <Part title={charts.start === null ? 'Over time' : 'Over time (UTC)'}>
        {series.length === 0 ? null : (
          <div class="charts">
            {series.map((one) => (
              <SeriesChart series={one} document={document} />
            ))}
          </div>
        )}
      </Part>
      <Part title="Latency distributions">
        {distributions.length === 0 ? null : (
          <div class="charts">
            {distributions.map((chart) => (
              <DistributionChart chart={chart} document={document} />
            ))}
          </div>
        )}
      </Part>
    </>
  )
}

/** The lines of the plots and their meanings, and why a mark is missing. */
function Legend({ document, charts }: { readonly document: ReportDocument; readonly charts: Charts }) {
  const { series, distributions } = charts
  const all = [...series, ...distributions]
  const hasAfter = all.some(({ after }) => after !== null)
  const moments = series.length === 0 ? [] : momentsOf(document, charts.duration_s ?? 0)
  const missing = series.length === 0 ? null : whyNoOnset(document)
  return (
    <>
      <ul class="legend">
        <Key kind="line before" text={hasAfter ? 'before the fix' : 'in the window of the incident'} />
        {hasAfter ? <Key kind="line after" text="the same load, with the fix from the start of the window" /> : null}
        {all.some(({ limit }) => limit !== null) ? <Key kind="limit" text="objective" /> : null}
        {moments.map(({ kind, name }) => (
          <Key kind={kind} text={name} />
        ))}
      </ul>
      {missing === null ? null : <p class="note">{missing}</p>}
    </>
  )
}

/**
 * Why the plots have no mark of the onset.
 *
 * @returns null if they have one, or if there is no incident.
 */
function whyNoOnset({ charts, onset, headline }: ReportDocument): string | null {
  if (charts.onset_s !== null || headline.state === 'healthy') return null
  if (onset.time === null) return 'The plots have no mark of the onset, because its time is not known.'
  const isBefore = charts.start !== null && Date.parse(onset.time) < Date.parse(charts.start)
  return isBefore
    ? 'The incident began before the window, so the plots have no mark of the onset.'
    : 'The onset is outside the window, so the plots have no mark of it.'
}

/**
 * The value of a series that never changes, neither before nor after the fix.
 *
 * @returns `undefined` if it changes, if it has one point only, and if it has an objective.
 */
function constantOf({ before, after, limit }: Charts['series'][number]): number | undefined {
  const [first, ...others] = pointsOf([...before, ...(after ?? [])]).map(([, value]) => value)
  // A missed or met objective is always shown, and one point is a state, not a course.
  return limit === null && others.length > 0 && others.every((value) => value === first) ? first : undefined
}

/** Whether every observation is zero. */
function isNothing({ before, after }: Charts['distributions'][number]): boolean {
  return pointsOf([...before, ...(after ?? [])]).every(([seconds]) => seconds === 0)
}

/** Names of the figures in the sentence about those that are zero. */
const nothingOf: Readonly<Record<Charts['series'][number]['name'], string>> = {
  ttft_s: 'no time to first token',
  inter_token_s: 'no time between tokens',
  arrivals: 'no requests arrive',
  served: 'no requests are served',
  waiting: 'no requests wait',
  running: 'no requests run',
  tokens: 'no tokens are generated',
  kv_usage: 'no KV blocks are in use',
  preemptions: 'no preemptions',
}

/** The figures that are not plotted, because they never change: `No preemptions, and no requests wait, before and after.` */
function unchangingText(series: Charts['series'], distributions: Charts['distributions']): string {
  const constants = series.flatMap((one) => {
    const value = constantOf(one)
    return value === undefined ? [] : [{ ...one, value }]
  })
  const nothing = constants.filter(({ value }) => value === 0).map(({ name }) => nothingOf[name])
  const queue = distributions.find(({ name, before }) => name === 'queue_s' && before.length > 0)
  if (queue !== undefined && isNothing(queue)) nothing.push('no request spends time in the queue')
  const hasAfter = series.some(({ after }) => after !== null)
  const when = hasAfter ? 'before and after' : 'in the whole window'
  const zeros = nothing.length === 0 ? '' : sentence(`${nothing.toSorted(byLength).join(', and ')}, ${when}.`)
  const others = constants
    .filter(({ value }) => value !== 0)
    .map(({ title, value, unit }) => `${title}: ${formatFigure(value, unit)}, ${when}.`)
  return [zeros, ...others].filter((text) => text !== '').join(' ')
}

/** Short parts of an enumeration come first. */
function byLength(a: string, b: string): number {
  return a.length - b.length
}

/** A text with a capital at its start. */
function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`
}

/**
 * An entry of the legend: a piece of the line and its meaning.
 *
 * @param props.kind is the class of the line in the plots, so that both look the same in every scheme.
 */
function Key({ kind, text }: { readonly kind: string; readonly text: string }) {
  return (
    <li>
      <svg viewBox="0 0 32 10" width="32" height="10" aria-hidden="true">
        <line class={kind} x1={0} x2={32} y1={5} y2={5} />
      </svg>
      {text}
    </li>
  )
}
