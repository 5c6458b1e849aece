import type { ReportDocument } from '../report-schema.ts'
import { DistributionChart } from './distribution-chart.tsx'
import { Part } from './parts.tsx'
import { SeriesChart, triggerSecond } from './series-chart.tsx'

/** All plots, with a legend that works without colours. */
export function plots(document: ReportDocument) {
  const { charts } = document
  const series = charts.series.filter(({ before }) => before.length > 0)
  const distributions = charts.distributions.filter(({ before }) => before.length > 0)
  if (series.length === 0 && distributions.length === 0) return null
  const hasAfter = [...series, ...distributions].some(({ after }) => after !== null)
  const hasLimit = distributions.some(({ limit }) => limit !== null)
  return (
    <>
      <p>{charts.note}</p>
      <ul class="legend">
        <Key kind="line before" text="before the fix" />
        {hasAfter ? <Key kind="line after" text="with the fix, in the simulation" /> : null}
        {hasLimit ? <Key kind="limit" text="objective" /> : null}
        {series.length > 0 && triggerSecond(document, charts.duration_s ?? 0) !== null ? (
          <Key kind="trigger" text="trigger" />
        ) : null}
        {charts.onset_s !== null && series.length > 0 ? <Key kind="onset" text="onset" /> : null}
      </ul>
      <Part title="Latencies: share of observations up to a number of seconds">
        {distributions.length === 0 ? null : (
          <div class="charts">
            {distributions.map((chart) => (
              <DistributionChart chart={chart} document={document} />
            ))}
          </div>
        )}
      </Part>
      <Part title={charts.start === null ? 'Over time' : 'Over time (UTC)'}>
        {series.length === 0 ? null : (
          <div class="charts">
            {series.map((one) => (
              <SeriesChart series={one} document={document} />
            ))}
          </div>
        )}
      </Part>
    </>
  )
}

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
